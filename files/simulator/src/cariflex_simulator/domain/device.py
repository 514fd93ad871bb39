"""One storage device over time: behaviour, trips and instructions, booked to the last watt-hour."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cariflex_simulator.domain.behaviour import Behaviour
from cariflex_simulator.domain.record import EnergyRecord
from cariflex_simulator.domain.storage import StorageParameters, step
from cariflex_simulator.domain.trips import Trip, TripPlan


@dataclass(frozen=True, slots=True)
class Command:
    """A power to keep from ``at`` on, until the next command or a release."""

    at: datetime
    power_kw: float
    instruction_id: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval: mean power over it, fill level at its end."""

    device_id: str
    start: datetime
    end: datetime
    power_kw: float
    fill_kwh: float


@dataclass(slots=True)
class StorageDevice:
    """A battery, or a vehicle when it has ``trips``. Time only moves forward, through ``advance``.

    ``presence`` overrides the trips: True keeps the vehicle plugged in, False away, None follows them.
    """

    device_id: str
    parameters: StorageParameters
    behaviour: Behaviour
    now: datetime
    fill_kwh: float
    trips: TripPlan | None = None
    step_s: float = 10.0
    presence: bool | None = None
    active: Command | None = None
    pending: list[Command] = field(default_factory=list)
    power_kw: float = 0.0
    record: EnergyRecord = field(init=False)
    interval_start: datetime = field(init=False)
    interval_kwh: float = 0.0

    def __post_init__(self) -> None:
        self.record = EnergyRecord(start_fill_kwh=self.fill_kwh)
        self.interval_start = self.now

    @property
    def present(self) -> bool:
        """True while the device is connected to the grid."""
        return self.presence if self.presence is not None else self._trip() is None

    @property
    def next_trip(self) -> Trip | None:
        """The trip that follows; None for a battery or a vehicle that is kept where it is."""
        return self.trips.next_after(self.now) if self.trips and self.presence is None else None

    def advance(self, until: datetime) -> None:
        """Live through the time up to ``until``; nothing happens when that is past."""
        while self.now < until:
            self._take_due_command()
            end = min(until, self.now + timedelta(seconds=self.step_s), *self._next_changes(until))
            self._live(end)
        self._take_due_command()

    def command(self, wanted: Command) -> None:
        """Keep a power from a moment on; later commands that are pending stay."""
        self.pending = sorted([*self.pending, wanted], key=lambda command: command.at)
        self._take_due_command()

    def revoke(self, instruction_id: str) -> bool:
        """Forget an instruction, the active one too; False when there is none of this id."""
        before = len(self.pending)
        self.pending = [command for command in self.pending if command.instruction_id != instruction_id]
        if self.active and self.active.instruction_id == instruction_id:
            self.active = None
            return True
        return len(self.pending) < before

    def release(self) -> None:
        """Forget all instructions: back to plain behaviour."""
        self.active = None
        self.pending = []

    def adjust(self, fill_kwh: float) -> None:
        """Set the fill level by hand, booked as such. Raises ValueError outside the storage's limits."""
        low, high = self.parameters.min_fill_kwh, self.parameters.max_fill_kwh
        if not low <= fill_kwh <= high:
            raise ValueError(f"{self.device_id}: fill_kwh {fill_kwh}; expected {low} to {high}")
        self.record.adjusted_kwh += fill_kwh - self.fill_kwh
        self.fill_kwh = fill_kwh

    def close_interval(self) -> Interval:
        """End the running interval at the present moment and begin the next."""
        hours = (self.now - self.interval_start) / timedelta(hours=1)
        mean_kw = self.interval_kwh / hours if hours else self.power_kw
        closed = Interval(self.device_id, self.interval_start, self.now, mean_kw, self.fill_kwh)
        self.interval_start, self.interval_kwh = self.now, 0.0
        return closed

    def wanted_kw(self) -> float:
        """Power that the device is asked for now, by instruction or by its own behaviour."""
        if not self.present:
            return 0.0
        if self.active:
            return self.active.power_kw
        return self.behaviour.power_kw(self.parameters, self.fill_kwh, self.now)

    def _trip(self) -> Trip | None:
        return self.trips.at(self.now) if self.trips else None

    def _next_changes(self, until: datetime) -> list[datetime]:
        changes = [self.pending[0].at] if self.pending else []
        if self.trips and self.presence is None and (change := self.trips.next_change(self.now)):
            changes.append(change)
        return [change for change in changes if self.now < change < until]

    def _take_due_command(self) -> None:
        while self.pending and self.pending[0].at <= self.now:
            self.active = self.pending.pop(0)

    def _live(self, end: datetime) -> None:
        trip = self._trip() if self.presence is None else None
        seconds = (end - self.now).total_seconds()
        done = step(self.parameters, self.fill_kwh, self.wanted_kw(), seconds, trip.use_kw if trip else 0.0)
        self.record.add(done)
        self.interval_kwh += done.charged_kwh - done.discharged_kwh
        self.fill_kwh, self.power_kw, self.now = done.fill_kwh, done.power_kw, end
