"""Which archives stay: a pure function of their times (issue 7; specification, section Backup Retention)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, order=True)
class Archive:
    """One archive.

    :param taken: when its backup began, aware UTC.
    :param good: it is complete; one that is not only stays as evidence for the daily period.
    """

    taken: datetime
    good: bool = True


@dataclass(frozen=True)
class Rules:
    """How long archives stay: all for `daily_days`, weeklies for `weekly_weeks`, monthlies for ever."""

    daily_days: int = 30
    weekly_weeks: int = 12


def kept(archives: Iterable[Archive], now: datetime, rules: Rules) -> set[Archive]:
    """Return the archives to keep at `now` (aware UTC).

    Kept are all of the last `daily_days` days, the first good one of each ISO week for `weekly_weeks` weeks,
    the first good one of each month for ever, and the newest good one whatever its age.
    """
    everything = sorted(set(archives))
    good = [archive for archive in everything if archive.good]
    week_first: dict[tuple[int, int], Archive] = {}
    month_first: dict[tuple[int, int], Archive] = {}
    for archive in good:
        week_first.setdefault(archive.taken.isocalendar()[:2], archive)
        month_first.setdefault((archive.taken.year, archive.taken.month), archive)
    weekly_age = timedelta(weeks=rules.weekly_weeks)
    daily_age = timedelta(days=rules.daily_days)
    keep = {archive for archive in everything if now - archive.taken < daily_age}
    keep.update(archive for archive in week_first.values() if now - archive.taken < weekly_age)
    keep.update(month_first.values())
    keep.update(good[-1:])
    return keep
