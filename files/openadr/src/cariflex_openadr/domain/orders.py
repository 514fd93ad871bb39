"""What operators ask for, turned into events and their modifications. Pure; refuses with RuleError."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cariflex_openadr.domain.model import Event, EventStatus, Interval, Signal, SignalKind
from cariflex_openadr.domain.rules import MINUTE, RuleError, check_event

DISPATCH_PRIORITY = 1
# Operators' events have contexts of their own: within one context events may not overlap.
DISPATCH_SUFFIX = "/dispatch"


@dataclass(frozen=True, slots=True)
class Order:
    """A new event. ``steps`` are (duration, payload); without ``start`` it begins at the next full minute."""

    kind: SignalKind
    steps: tuple[tuple[timedelta, float], ...]
    signal_type: str = ""
    start: datetime | None = None
    priority: int = DISPATCH_PRIORITY
    test: bool = False
    ven_ids: tuple[str, ...] = ()
    resource_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What a modification alters; None leaves as it is."""

    steps: tuple[tuple[timedelta, float], ...] | None = None
    start: datetime | None = None
    priority: int | None = None


def new_event(order: Order, event_id: str, contexts: Mapping[SignalKind, str], now: datetime) -> Event:
    """The event of an order. Raises RuleError."""
    if order.kind is SignalKind.PRICE:
        raise RuleError("type: price; expected load_control or simple: prices are changed by a day's program")
    start = order.start or now - timedelta(seconds=now.second, microseconds=now.microsecond) + MINUTE
    event = Event(
        event_id=event_id,
        modification=0,
        created_at=now,
        market_context=contexts[order.kind] + DISPATCH_SUFFIX,
        signals=(Signal(order.kind, _intervals(order.steps, start), order.signal_type),),
        priority=order.priority,
        test=order.test,
        ven_ids=tuple(sorted(set(order.ven_ids))),
        resource_ids=tuple(sorted(set(order.resource_ids))),
    )
    check_event(event)
    if event.end <= now:
        raise RuleError(f"event: ends {event.end.isoformat()}; expected an end in the future")
    return event


def modified(event: Event, change: Change, now: datetime) -> Event:
    """The next modification of an event that is still on. Raises RuleError."""
    _check_live(event, now)
    if len(event.signals) != 1:
        raise RuleError(f"event {event.event_id}: {len(event.signals)} signals; expected one to modify")
    signal = event.signals[0]
    steps = change.steps or tuple((item.duration, item.value) for item in signal.intervals)
    start = change.start or event.start
    fresh = _next(event, now, signals=(replace(signal, intervals=_intervals(steps, start)),))
    if change.priority is not None:
        fresh = replace(fresh, priority=change.priority)
    check_event(fresh)
    if fresh.end <= now:
        raise RuleError(f"event {event.event_id}: would end {fresh.end.isoformat()}; expected the future")
    return fresh


def reprogrammed(event: Event, wanted: Event | None, now: datetime) -> Event:
    """The modification of a program's event that says what the program says now; the event itself if it does.

    An event that the program has no longer, or whose time would be over, is cancelled.
    """
    if wanted is None or wanted.end <= now:
        return cancelled(event, now)
    if same_content(event, wanted):
        return event
    _check_live(event, now)
    fresh = replace(_next(event, now, signals=wanted.signals), market_context=wanted.market_context)
    check_event(fresh)
    return fresh


def same_content(event: Event | None, other: Event | None) -> bool:
    """True when two events, or two that are none, ask for the same in the same market context."""
    if event is None or other is None:
        return event is other
    return (event.signals, event.market_context) == (other.signals, other.market_context)


def cancelled(event: Event, now: datetime) -> Event:
    """The modification that cancels an event; the event itself when it is cancelled already."""
    if event.cancelled:
        return event
    _check_live(event, now)
    return replace(_next(event, now, signals=event.signals), cancelled=True)


def _next(event: Event, now: datetime, signals: tuple[Signal, ...]) -> Event:
    # createdDateTime belongs to the modification and never runs backwards, whatever the clock does.
    created = max(now, event.created_at)
    return replace(event, modification=event.modification + 1, created_at=created, signals=signals)


def _check_live(event: Event, now: datetime) -> None:
    status = event.status_at(now)
    if status in (EventStatus.CANCELLED, EventStatus.COMPLETED):
        raise RuleError(f"event {event.event_id}: {status}; expected one that is far or active")


def _intervals(steps: tuple[tuple[timedelta, float], ...], start: datetime) -> tuple[Interval, ...]:
    found: list[Interval] = []
    begin = start.astimezone(UTC)
    for duration, value in steps:
        found.append(Interval(begin, duration, value))
        begin = found[-1].end
    return tuple(found)
