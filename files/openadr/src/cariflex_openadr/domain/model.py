"""Programs' events as both services see them. All times are aware UTC."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class SignalKind(StrEnum):
    """What a signal is about; the values are the names used in configuration and over HTTP."""

    PRICE = "price"
    LOAD_CONTROL = "load_control"
    DEMAND_RESPONSE = "demand_response"


LOAD_CAPACITY = "x-loadControlCapacity"
LOAD_PERCENT_OFFSET = "x-loadControlPercentOffset"
# signalType of each kind; the first is the one that holds where none is named.
SIGNAL_TYPES: dict[SignalKind, tuple[str, ...]] = {
    SignalKind.PRICE: ("price",),
    SignalKind.LOAD_CONTROL: (LOAD_CAPACITY, LOAD_PERCENT_OFFSET),
    SignalKind.DEMAND_RESPONSE: ("level",),
}


class EventStatus(StrEnum):
    """eventStatus of OpenADR 2.0b; 'near' is left out because we announce no ramp-up period."""

    FAR = "far"
    ACTIVE = "active"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Interval:
    """A time slice with its payload: EUR/MWh (price), 0..3 (demand response); for load control 0..1 (share of
    the capacity) or, with type x-loadControlPercentOffset, -100..100 (percent by which the limit is moved).
    """

    start: datetime
    duration: timedelta
    value: float

    @property
    def end(self) -> datetime:
        """First instant after the slice."""
        return self.start + self.duration


@dataclass(frozen=True, slots=True)
class Signal:
    """Contiguous intervals of one kind; an empty ``signal_type`` stands for the kind's first."""

    kind: SignalKind
    intervals: tuple[Interval, ...]
    signal_type: str = ""

    @property
    def type_name(self) -> str:
        """signalType on the wire."""
        return self.signal_type or SIGNAL_TYPES[self.kind][0]


@dataclass(frozen=True, slots=True)
class Event:
    """One modification of an event. ``created_at`` belongs to the modification, not to the first version.

    ``ven_ids`` are the VENs it is offered to, ``resource_ids`` the resources behind them; empty means all.
    """

    event_id: str
    modification: int
    created_at: datetime
    market_context: str
    signals: tuple[Signal, ...]
    priority: int = 0
    cancelled: bool = False
    test: bool = False
    ven_ids: tuple[str, ...] = ()
    resource_ids: tuple[str, ...] = ()

    @property
    def start(self) -> datetime:
        """Start of the active period."""
        return min(signal.intervals[0].start for signal in self.signals)

    @property
    def end(self) -> datetime:
        """End of the active period."""
        return max(signal.intervals[-1].end for signal in self.signals)

    def status_at(self, now: datetime) -> EventStatus:
        """eventStatus at ``now``."""
        if self.cancelled:
            return EventStatus.CANCELLED
        if now < self.start:
            return EventStatus.FAR
        return EventStatus.ACTIVE if now < self.end else EventStatus.COMPLETED


@dataclass(frozen=True, slots=True)
class SensorValue:
    """A value in a sensor's unit for the slice that starts at ``start``."""

    start: datetime
    value: float
