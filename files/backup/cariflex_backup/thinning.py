"""How long beliefs stay as they came: a pure function of rules, sensors and time (issue 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cariflex_backup.errors import BackupError

DAY_S = 86400


@dataclass(frozen=True)
class Rule:
    """What becomes of the beliefs of some sensors.

    :param sensors: names of the sensor table; ``{nn}`` stands for a number, as it does there.
    :param keep_days: days for which everything stays.
    :param resolution_s: older events are kept in steps of so many seconds.
    :param delete_after_days: days after which they go too; 0 for never.
    """

    sensors: tuple[str, ...]
    keep_days: int
    resolution_s: int
    delete_after_days: int


@dataclass(frozen=True)
class Sensor:
    """A sensor of FlexMeasures: `resolution_s` is 0 for an instantaneous one, `oldest` its first event."""

    id: int
    name: str
    resolution_s: int
    oldest: datetime


@dataclass(frozen=True)
class Window:
    """Whole days (UTC) of one sensor, and the steps in s that its events are kept in; 0: not at all."""

    sensor: Sensor
    start: datetime
    end: datetime
    bucket_s: int


def plan(rules: Sequence[Rule], sensors: Sequence[Sensor], now: datetime) -> list[Window]:
    """Return what to thin or delete at `now` (aware UTC), oldest first; BackupError with every mistake."""
    mistakes = [mistake for rule in rules for mistake in _mistakes(rule)]
    chosen: dict[Sensor, Rule] = {}
    for rule in rules:
        for name in rule.sensors:
            found = [sensor for sensor in sensors if _pattern(name).fullmatch(sensor.name)]
            if not found:
                mistakes.append(f"no sensor is called {name}, expected a name of the sensor table")
            for sensor in found:
                if sensor in chosen:
                    mistakes.append(f"sensor {sensor.name} has two rules, expected one; remove one")
                elif sensor.resolution_s and rule.resolution_s % sensor.resolution_s:
                    mistakes.append(
                        f"sensor {sensor.name} has values of {sensor.resolution_s} s, expected "
                        f"resolution_s {rule.resolution_s} to be a multiple of that"
                    )
                chosen[sensor] = rule
    if mistakes:
        raise BackupError("backup_belief_retention: " + "\n".join(mistakes))
    return [window for sensor, rule in chosen.items() for window in _windows(sensor, rule, now)]


def _mistakes(rule: Rule) -> Iterator[str]:
    label = f"rule of {', '.join(rule.sensors)}"
    if rule.keep_days < 1:
        yield f"{label}: keep_days is {rule.keep_days}, expected 1 or more"
    # A step that divides the hour begins at the same moments in every time zone of whole hours.
    if rule.resolution_s < 1 or 3600 % rule.resolution_s:
        yield f"{label}: resolution_s is {rule.resolution_s}, expected a divisor of 3600"
    if rule.delete_after_days and rule.delete_after_days <= rule.keep_days:
        yield f"{label}: delete_after_days is {rule.delete_after_days}, expected more than keep_days, or 0"


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(name).replace(r"\{nn\}", r"\d+"))


def _windows(sensor: Sensor, rule: Rule, now: datetime) -> Iterator[Window]:
    oldest = midnight(sensor.oldest)
    thinned = midnight(now - timedelta(days=rule.keep_days))
    gone = midnight(now - timedelta(days=rule.delete_after_days)) if rule.delete_after_days else oldest
    if oldest < gone:
        yield Window(sensor, oldest, gone, 0)
    if max(oldest, gone) < thinned:
        yield Window(sensor, max(oldest, gone), thinned, rule.resolution_s)


def midnight(moment: datetime) -> datetime:
    """Return the beginning of the moment's day in UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
