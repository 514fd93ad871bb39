"""A day's program turned into events: pure, deterministic ids, times in the program's own zone."""

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
class Program:
    """What the VTN offers each local day; a window may be left out. Prices in EUR/MWh, one an hour."""

    timezone: ZoneInfo
    prices: tuple[float, ...]
    load_control: DailyWindow | None
    demand_response: DailyWindow | None
    market_contexts: dict[SignalKind, str]


def local_day(now: datetime, zone: ZoneInfo) -> date:
    """The calendar day at ``now`` in ``zone``."""
    return now.astimezone(zone).date()


def next_midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """UTC instant of the next local midnight (04:00Z in Martinique)."""
    return _at(local_day(now, zone) + timedelta(days=1), time(), zone)


def event_id(kind: SignalKind, day: date) -> str:
    """Id of the event of ``kind`` for a day, for example ``price-2026-11-23``."""
    return f"{ID_PREFIXES[kind]}-{day.isoformat()}"


def price_event(program: Program, day: date, created_at: datetime) -> Event:
    """24 hourly prices from local midnight on."""
    start = _at(day, time(), program.timezone)
    hour = timedelta(hours=1)
    intervals = tuple(Interval(start + n * hour, hour, price) for n, price in enumerate(program.prices))
    return _event(program, SignalKind.PRICE, day, created_at, intervals)


def due_events(program: Program, now: datetime) -> list[Event]:
    """Events due at ``now``: today's prices, and of each window today's or, once over, tomorrow's."""
    today = local_day(now, program.timezone)
    events = [price_event(program, today, now)]
    windows = {
        SignalKind.LOAD_CONTROL: program.load_control,
        SignalKind.DEMAND_RESPONSE: program.demand_response,
    }
    for kind, window in windows.items():
        if window is None:
            continue
        event = _window_event(program, kind, window, today, now)
        if event.end <= now:
            event = _window_event(program, kind, window, today + timedelta(days=1), now)
        events.append(event)
    return events


def _window_event(program: Program, kind: SignalKind, window: DailyWindow, day: date, now: datetime) -> Event:
    start = _at(day, window.start, program.timezone)
    return _event(program, kind, day, now, (Interval(start, window.duration, window.value),))


def _event(
    program: Program, kind: SignalKind, day: date, created_at: datetime, intervals: tuple[Interval, ...]
) -> Event:
    return Event(
        event_id=event_id(kind, day),
        modification=0,
        created_at=created_at,
        market_context=program.market_contexts[kind],
        signals=(Signal(kind, intervals),),
    )


def _at(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
