"""Devices, their state, and signals as the rules see them.

Powers in W (positive consumes), fill levels in kWh, fill rates in kWh/s, times aware UTC.
Source of the device model: S2 0.0.2-beta, FRBC.SystemDescription.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Range:
    """A closed range with ``low`` <= ``high``."""

    low: float
    high: float

    def clamp(self, value: float) -> float:
        """The nearest value inside."""
        return min(max(value, self.low), self.high)

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies inside, ends included."""
        return self.low <= value <= self.high

    def at(self, factor: float) -> float:
        """The value at operation mode factor 0 (low) to 1 (high)."""
        return self.low + factor * (self.high - self.low)

    def factor_of(self, value: float) -> float:
        """The factor at which ``value`` is reached; infinite beside a range of one point."""
        if self.high > self.low:
            return (value - self.low) / (self.high - self.low)
        if value == self.low:
            return 1.0
        return float("inf") if value > self.low else float("-inf")


@dataclass(frozen=True, slots=True)
class Element:
    """What a mode does while the fill level lies in ``fill_level_kwh``; factor 0 is the low end of both."""

    fill_level_kwh: Range
    fill_rate_kwh_s: Range
    power_w: Range


@dataclass(frozen=True, slots=True)
class Mode:
    """An operation mode that may be instructed in normal conditions."""

    mode_id: str
    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """A storage with one actuator."""

    actuator_id: str
    modes: tuple[Mode, ...]
    fill_level_kwh: Range

    def elements_at(self, fill_level_kwh: float) -> list[tuple[Mode, Element]]:
        """The modes usable at a fill level; outside of all elements those of the nearest edge hold."""
        level = self.fill_level_kwh.clamp(fill_level_kwh)
        return [
            (mode, element)
            for mode in self.modes
            for element in mode.elements
            if element.fill_level_kwh.contains(level)
        ]


@dataclass(frozen=True, slots=True)
class Target:
    """From ``at`` on at least ``fill_level_kwh`` must be stored: an EV's departure."""

    at: datetime
    fill_level_kwh: float


@dataclass(frozen=True, slots=True)
class State:
    """What the device told last. ``usage_kwh_s`` is what others change, negative when they take."""

    fill_level_kwh: float
    targets: tuple[Target, ...] = ()
    usage_kwh_s: float = 0.0


class SignalType(StrEnum):
    """The signals that change a device's power, and what their value means."""

    CAPACITY = "x-loadControlCapacity"  # share 0..1 of the greatest consumption
    PERCENT_OFFSET = "x-loadControlPercentOffset"  # percent, -100 and above
    LEVEL = "level"  # -1..1; a SIMPLE level n is n/3


SIGNAL_RANGES: dict[SignalType, Range] = {
    SignalType.CAPACITY: Range(0.0, 1.0),
    SignalType.PERCENT_OFFSET: Range(-100.0, 1000.0),
    SignalType.LEVEL: Range(-1.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Interval:
    """A value from ``start`` until ``end``."""

    start: datetime
    end: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Signal:
    """One modification of an event, for the resources in ``targets`` (none: all)."""

    event_id: str
    modification: int
    signal_type: SignalType
    intervals: tuple[Interval, ...]
    targets: frozenset[str] = frozenset()

    def at(self, moment: datetime) -> "ActiveSignal | None":
        """What the signal asks for at ``moment``."""
        for interval in self.intervals:
            if interval.start <= moment < interval.end:
                return ActiveSignal(self.event_id, self.modification, self.signal_type, interval)
        return None


@dataclass(frozen=True, slots=True)
class ActiveSignal:
    """The interval of a signal that is in force."""

    event_id: str
    modification: int
    signal_type: SignalType
    interval: Interval

    @property
    def value(self) -> float:
        """The value, held to its type's range."""
        return SIGNAL_RANGES[self.signal_type].clamp(self.interval.value)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a device is instructed: what its instruction's id is made of.

    Of several events in force ``event`` and ``modification`` name all, joined by ``+``.
    """

    event: str
    modification: str
    interval: datetime


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything an instruction depends on. ``limits_w``: the mapping table's; ``until`` ends it."""

    resource_id: str
    limits_w: Range
    device: Device
    state: State
    base_w: float
    base_cause: Cause
    now: datetime
    until: datetime

    @property
    def remaining_s(self) -> float:
        """Seconds left of the interval, at least one."""
        return max(1.0, (self.until - self.now).total_seconds())


@dataclass(frozen=True, slots=True)
class Setting:
    """An operation mode, its factor, and what comes of it."""

    mode_id: str
    factor: float
    power_w: float
    fill_rate_kwh_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What a device shall do until ``until``. ``setting`` is None when no mode allows it to stand still."""

    resource_id: str
    cause: Cause
    wanted_w: float
    setting: Setting | None
    until: datetime
