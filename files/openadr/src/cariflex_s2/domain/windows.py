"""Means of a measured power over a sensor's slots, weighted by time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOLD = timedelta(minutes=1)
LEAST_COVERED = 0.5


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean power in W over the slot that starts at ``start``."""

    start: datetime
    power_w: float


@dataclass(slots=True)
class PowerWindow:
    """A measured power holds until the next measurement, for a minute at the most; what is beyond is unknown.

    A slot of which less than half is known gives no mean. Slots are counted from the epoch in UTC.
    """

    resolution: timedelta
    _power_w: float = 0.0
    _holds_until: datetime = EPOCH
    _reached: datetime = EPOCH
    _energy_ws: float = 0.0
    _covered_s: float = 0.0
    _done: list[Mean] = field(default_factory=list)

    def add(self, power_w: float, at: datetime) -> None:
        """Take a measurement, in the order of time."""
        self._advance(at)
        self._power_w, self._holds_until = power_w, at + HOLD

    def finished(self, now: datetime) -> list[Mean]:
        """The means of slots that have ended by ``now`` and were not given yet."""
        self._advance(now)
        done, self._done = self._done, []
        return done

    def _advance(self, until: datetime) -> None:
        while self._reached < until:
            if self._reached >= self._holds_until and not self._covered_s:
                self._reached = until
                return
            slot_end = self._reached - (self._reached - EPOCH) % self.resolution + self.resolution
            edge = min(until, slot_end)
            known_s = max(0.0, (min(edge, self._holds_until) - self._reached).total_seconds())
            self._energy_ws += known_s * self._power_w
            self._covered_s += known_s
            self._reached = edge
            if edge == slot_end:
                self._close(slot_end - self.resolution)

    def _close(self, start: datetime) -> None:
        if self._covered_s >= LEAST_COVERED * self.resolution.total_seconds():
            self._done.append(Mean(start, self._energy_ws / self._covered_s))
        self._energy_ws = self._covered_s = 0.0
