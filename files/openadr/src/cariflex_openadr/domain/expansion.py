"""Signal intervals laid on a sensor's grid, and the values that follow from an event."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cariflex_openadr.domain.model import Event, SensorValue, Signal, SignalKind
from cariflex_openadr.domain.units import NEUTRAL, to_sensor_unit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Run:
    """Values without a gap between them: one post."""

    values: tuple[SensorValue, ...]

    @property
    def start(self) -> datetime:
        """Start of the first value."""
        return self.values[0].start


def floor_to(moment: datetime, resolution: timedelta) -> datetime:
    """The grid point at or before ``moment``; the grid is counted from the epoch in UTC."""
    return moment - (moment - EPOCH) % resolution


def expand(signal: Signal, resolution: timedelta) -> dict[datetime, float]:
    """Sensor values by slot start, every slot the signal touches.

    A slot that several intervals share takes the time-weighted mean of prices, the strictest cap of load
    control and the highest level of demand response: rounding must never relax a request.
    """
    shares: dict[datetime, list[tuple[float, float]]] = {}
    for interval in signal.intervals:
        slot = floor_to(interval.start, resolution)
        while slot < interval.end:
            overlap = min(slot + resolution, interval.end) - max(slot, interval.start)
            shares.setdefault(slot, []).append((overlap.total_seconds(), interval.value))
            slot += resolution
    return {
        slot: to_sensor_unit(signal.kind, _combine(signal.kind, parts), signal.signal_type)
        for slot, parts in shares.items()
    }


def _combine(kind: SignalKind, parts: list[tuple[float, float]]) -> float:
    values = [value for _, value in parts]
    if kind is SignalKind.LOAD_CONTROL:
        return min(values)
    if kind is SignalKind.DEMAND_RESPONSE:
        return max(values)
    if len(set(values)) == 1:
        return values[0]
    return sum(seconds * value for seconds, value in parts) / sum(seconds for seconds, _ in parts)


def values_to_post(
    event: Event,
    kind: SignalKind,
    resolution: timedelta,
    *,
    previous: Event | None,
    others: Iterable[Event],
    now: datetime,
) -> list[Run]:
    """Values that ``event`` puts on the sensor of ``kind``.

    Slots that it no longer asks for (cancelled, or moved since ``previous``) go back to the newest of
    ``others`` that covers them, else to the neutral value; the past is left as it was.
    """
    wanted = {} if event.cancelled else _slots(event, kind, resolution)
    claimed = _slots(event, kind, resolution) if event.cancelled else {}
    if previous is not None:
        claimed |= _slots(previous, kind, resolution)
    freed = {slot for slot in claimed if slot not in wanted and slot >= floor_to(now, resolution)}
    background: dict[datetime, float] = {}
    for other in sorted(others, key=lambda item: item.created_at):
        if other.event_id != event.event_id and not other.cancelled and not other.test:
            background |= _slots(other, kind, resolution)
    for slot in freed:
        value = background.get(slot, NEUTRAL[kind])
        if value is not None:
            wanted[slot] = value
    return _runs(wanted, resolution)


def _slots(event: Event, kind: SignalKind, resolution: timedelta) -> dict[datetime, float]:
    slots: dict[datetime, float] = {}
    for signal in event.signals:
        if signal.kind is kind:
            slots |= expand(signal, resolution)
    return slots


def _runs(slots: dict[datetime, float], resolution: timedelta) -> list[Run]:
    runs: list[list[SensorValue]] = []
    for slot in sorted(slots):
        if not runs or runs[-1][-1].start + resolution != slot:
            runs.append([])
        runs[-1].append(SensorValue(slot, slots[slot]))
    return [Run(tuple(run)) for run in runs]
