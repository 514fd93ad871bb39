"""A day's program turned into events: pure, deterministic ids, times in the program's own zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cariflex_openadr.domain.model import Event, Interval, Signal, SignalKind

HOURS = 24
ID_PREFIXES: dict[SignalKind, str] = {
    SignalKind.PRICE: "price",
    SignalKind.LOAD_CONTROL: "load-control",
    SignalKind.DEMAND_RESPONSE: "demand-response",
}


@dataclass(frozen=True, slots=True)
class DailyWindow:
    """A daily signal: local start, duration and payload (0..1 for load control, 0..3 for demand response)."""

    start: time
    duration: timedelta
    value: float


@dataclass(frozen=True, slots=True)
class DayProgram:
    """What is offered on one day; a window may be left out. Prices in EUR/MWh, one an hour."""

    prices: tuple[float, ...]
    load_control: DailyWindow | None
    demand_response: DailyWindow | None


@dataclass(frozen=True, slots=True)
class Program:
    """What the VTN offers each local day that has no program of its own.

    A day's prices are on offer from ``day_ahead_at`` of the day before, or from its midnight when None.
    """

    timezone: ZoneInfo
    profile: DayProgram
    market_contexts: dict[SignalKind, str]
    day_ahead_at: time | None = None


def local_day(now: datetime, zone: ZoneInfo) -> date:
    """The calendar day at ``now`` in ``zone``."""
    return now.astimezone(zone).date()


def next_midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """UTC instant of the next local midnight (04:00Z in Martinique)."""
    return _at(local_day(now, zone) + timedelta(days=1), time(), zone)


def event_id(kind: SignalKind, day: date) -> str:
    """Id of the event of ``kind`` for a day, for example ``price-2026-11-23``."""
    return f"{ID_PREFIXES[kind]}-{day.isoformat()}"


def day_events(program: Program, content: DayProgram, day: date, now: datetime) -> dict[SignalKind, Event]:
    """The events of a day, created at ``now``: 24 hourly prices from local midnight on, and its windows."""
    midnight, hour = _at(day, time(), program.timezone), timedelta(hours=1)
    intervals = {
        SignalKind.PRICE: tuple(
            Interval(midnight + number * hour, hour, price) for number, price in enumerate(content.prices)
        )
    }
    for kind, window in (
        (SignalKind.LOAD_CONTROL, content.load_control),
        (SignalKind.DEMAND_RESPONSE, content.demand_response),
    ):
        if window is not None:
            start = _at(day, window.start, program.timezone)
            intervals[kind] = (Interval(start, window.duration, window.value),)
    return {
        kind: Event(
            event_id=event_id(kind, day),
            modification=0,
            created_at=now,
            market_context=program.market_contexts[kind],
            signals=(Signal(kind, parts),),
        )
        for kind, parts in intervals.items()
    }


def due_events(program: Program, now: datetime, days: Mapping[date, DayProgram] | None = None) -> list[Event]:
    """Events due at ``now``: today's, tomorrow's prices day-ahead, tomorrow's windows once today's are over.

    ``days`` are programs of single days, in place of the profile.
    """
    own = days or {}
    today = local_day(now, program.timezone)
    tomorrow = today + timedelta(days=1)
    current = day_events(program, own.get(today, program.profile), today, now)
    following = day_events(program, own.get(tomorrow, program.profile), tomorrow, now)
    due = [current[SignalKind.PRICE]]
    if program.day_ahead_at is not None and now >= _at(today, program.day_ahead_at, program.timezone):
        due.append(following[SignalKind.PRICE])
    for kind in (SignalKind.LOAD_CONTROL, SignalKind.DEMAND_RESPONSE):
        event = current.get(kind)
        if event is None or event.end <= now:
            event = following.get(kind)
        if event is not None:
            due.append(event)
    return due


def _at(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
