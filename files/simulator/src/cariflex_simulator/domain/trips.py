"""When a vehicle is away, and how much energy its trip takes: seeded, one trip a day at most."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cariflex_simulator.domain.draw import seeded

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TripPattern:
    """A vehicle's habits in local time; spreads are standard deviations."""

    departure: time
    arrival: time
    spread_min: float
    energy_kwh: float
    energy_spread_kwh: float
    days_off: float

    def __post_init__(self) -> None:
        if not self.departure < self.arrival:
            raise ValueError(
                f"departure, arrival: {self.departure}, {self.arrival}; expected the departure first"
            )
        if not 0 <= self.days_off <= 1:
            raise ValueError(f"days_off: {self.days_off}; expected a share from 0 to 1")


@dataclass(frozen=True, slots=True)
class Trip:
    """Away from ``departure`` to ``arrival`` (aware UTC), using ``energy_kwh`` evenly."""

    departure: datetime
    arrival: datetime
    energy_kwh: float

    @property
    def use_kw(self) -> float:
        """Mean power of driving, on the storage's side."""
        return self.energy_kwh / ((self.arrival - self.departure) / timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class TripPlan:
    """All trips of one vehicle. A day's trip depends on seed, vehicle and day alone."""

    seed: int
    vehicle: str
    zone: ZoneInfo
    pattern: TripPattern

    def of_day(self, day: date) -> Trip | None:
        """The trip of a local day, None on a day off."""
        return _draw(self, day)

    def at(self, moment: datetime) -> Trip | None:
        """The trip that is under way at ``moment``."""
        trip = self.of_day(moment.astimezone(self.zone).date())
        return trip if trip and trip.departure <= moment < trip.arrival else None

    def next_after(self, moment: datetime) -> Trip | None:
        """The first trip of the next week that starts at ``moment`` or later."""
        today = moment.astimezone(self.zone).date()
        trips = (self.of_day(today + timedelta(days=n)) for n in range(8))
        return next((trip for trip in trips if trip and trip.departure >= moment), None)

    def next_change(self, moment: datetime) -> datetime | None:
        """The next departure or arrival after ``moment``."""
        trip = self.at(moment)
        if trip:
            return trip.arrival
        following = self.next_after(moment + timedelta(microseconds=1))
        return following.departure if following else None


def _at(day: date, moment: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, moment, zone).astimezone(UTC)


@lru_cache(maxsize=4096)
def _draw(plan: TripPlan, day: date) -> Trip | None:
    pattern, draw = plan.pattern, seeded(plan.seed, plan.vehicle, day.isoformat())
    off = draw.random() < pattern.days_off
    shifts = [draw.normal(0, pattern.spread_min) for _ in range(2)]
    energy_kwh = max(1.0, draw.normal(pattern.energy_kwh, pattern.energy_spread_kwh))
    if off:
        return None
    departure, arrival = (
        _at(day, moment, plan.zone) + round(shift) * MINUTE
        for moment, shift in zip((pattern.departure, pattern.arrival), shifts, strict=True)
    )
    return Trip(departure, max(arrival, departure + 30 * MINUTE), float(energy_kwh))
