"""What the service deals in: hourly series that somebody knew at a moment."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
QUANTITIES = ("irradiance", "temperature", "wind")


@dataclass(frozen=True, slots=True)
class Outlook:
    """Hourly values by quantity and hour's begin (aware UTC), as known at ``known_at``.

    Irradiance in W/m², the mean over the hour; temperature in °C and wind in m/s, as at its begin. An hour
    that had ended at ``known_at`` is an observation, any other a forecast: the belief time tells them apart.
    """

    known_at: datetime
    series: dict[str, dict[datetime, float]]


def full_hour(moment: datetime) -> datetime:
    """The full hour at or before ``moment``."""
    return moment.replace(minute=0, second=0, microsecond=0)


def runs(
    values: dict[datetime, float], begin: datetime, end: datetime
) -> Iterator[tuple[datetime, list[float]]]:
    """Runs of hours without a gap between ``begin`` and ``end``: (first hour, values). NaN is a gap."""
    run: list[float] = []
    hour = begin
    while hour < end:
        value = values.get(hour, math.nan)
        if math.isfinite(value):
            run.append(value)
        elif run:
            yield hour - len(run) * HOUR, run
            run = []
        hour += HOUR
    if run:
        yield hour - len(run) * HOUR, run
