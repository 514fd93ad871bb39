"""All storage devices together, cut into intervals that lie on the clock's grid."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cariflex_simulator.domain.device import Interval, StorageDevice


@dataclass(slots=True)
class Fleet:
    """Devices by id. ``interval`` divides an hour; intervals begin at multiples of it."""

    devices: dict[str, StorageDevice]
    interval: timedelta
    closed_until: datetime = field(init=False)

    def __post_init__(self) -> None:
        starts = {device.interval_start for device in self.devices.values()}
        if len(starts) > 1:
            raise ValueError(f"devices: intervals begin at {sorted(starts)}; expected one moment for all")
        self.closed_until = starts.pop() if starts else datetime.now(UTC)

    def advance(self, until: datetime) -> list[Interval]:
        """Live up to ``until``; returns the intervals that ended on the way, in order of time."""
        closed = []
        for boundary in self._boundaries(until):
            for device in self.devices.values():
                device.advance(boundary)
                closed.append(device.close_interval())
            self.closed_until = boundary
        for device in self.devices.values():
            device.advance(until)
        return closed

    def live(self, device: StorageDevice, until: datetime) -> None:
        """Bring one device to ``until``, but never across the end of an interval: that is for ``advance``."""
        device.advance(min(until, self._next_boundary()))

    def _next_boundary(self) -> datetime:
        seconds = self.interval.total_seconds()
        return datetime.fromtimestamp((self.closed_until.timestamp() // seconds + 1) * seconds, UTC)

    def _boundaries(self, until: datetime) -> Iterator[datetime]:
        boundary = self._next_boundary()
        while boundary <= until:
            yield boundary
            boundary += self.interval
