"""The base: a schedule's value at a moment, or the device's baseline where no schedule reaches."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cariflex_s2.domain.model import Cause

SLOT = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Powers in W of consecutive slots from ``start``; None where nothing is planned."""

    start: datetime
    resolution: timedelta
    powers_w: tuple[float | None, ...]
    read_at: datetime

    def power_at(self, moment: datetime) -> float | None:
        """The planned power at ``moment``, None outside of the schedule."""
        slot = (moment - self.start) // self.resolution
        return self.powers_w[slot] if 0 <= slot < len(self.powers_w) else None

    @property
    def end(self) -> datetime:
        """End of the last slot that has a value."""
        for count in range(len(self.powers_w), 0, -1):
            if self.powers_w[count - 1] is not None:
                return self.start + count * self.resolution
        return self.start


@dataclass(frozen=True, slots=True)
class Base:
    """What a device does without signals until ``until``, and why."""

    power_w: float
    cause: Cause
    until: datetime


def base_at(schedule: Schedule | None, baseline_w: float, moment: datetime) -> Base:
    """The schedule's slot at ``moment``, else the baseline in slots of 15 minutes counted from the epoch."""
    planned = schedule.power_at(moment) if schedule is not None else None
    resolution = schedule.resolution if schedule is not None and planned is not None else SLOT
    origin = schedule.start if schedule is not None and planned is not None else EPOCH
    start = moment - (moment - origin) % resolution
    if planned is None:
        return Base(baseline_w, Cause("baseline", "0", start), start + resolution)
    return Base(planned, Cause("schedule", "0", start), start + resolution)
