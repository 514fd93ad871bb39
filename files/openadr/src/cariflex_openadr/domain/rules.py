"""Rules an event must obey before the VTN offers it, and the order of a distribution."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from cariflex_openadr.domain.model import (
    LOAD_PERCENT_OFFSET,
    SIGNAL_TYPES,
    Event,
    EventStatus,
    Interval,
    Signal,
    SignalKind,
)
from cariflex_openadr.domain.units import SIMPLE_LEVELS

MAX_EVENT = timedelta(days=7)
MINUTE = timedelta(minutes=1)


class RuleError(ValueError):
    """An event breaks a rule; the message names the object, its value and what was expected."""


class OverlapError(RuleError):
    """Two events of one market context share time."""


def check_value(kind: SignalKind, value: float, signal_type: str = "") -> None:
    """Raise RuleError unless ``value`` is a payload of ``kind``, sent with ``signal_type``."""
    if not math.isfinite(value):
        raise RuleError(f"{kind} value: {value}; expected a finite number")
    if signal_type == LOAD_PERCENT_OFFSET:
        if not -100 <= value <= 100:
            raise RuleError(f"load_control percent offset: {value}; expected -100 to 100")
        return
    if kind is SignalKind.LOAD_CONTROL and not 0 <= value <= 1:
        raise RuleError(f"load_control value: {value}; expected 0 to 1 (share of the capacity)")
    if kind is SignalKind.DEMAND_RESPONSE and value not in range(SIMPLE_LEVELS + 1):
        raise RuleError(f"demand_response level: {value}; expected 0, 1, 2 or 3")


def check_event(event: Event) -> None:
    """Raise RuleError unless intervals are contiguous, in whole minutes, and their values fit the kind."""
    if not event.signals or not all(signal.intervals for signal in event.signals):
        raise RuleError(f"event {event.event_id}: no intervals; expected at least one")
    for signal in event.signals:
        _check_signal(event.event_id, signal)
        first, last = signal.intervals[0], signal.intervals[-1]
        if (first.start, last.end) != (event.start, event.end):
            raise RuleError(
                f"event {event.event_id}: {signal.kind} from {first.start.isoformat()} to "
                f"{last.end.isoformat()}; expected the active period, which other signals reach beyond"
            )
    if event.end - event.start > MAX_EVENT:
        raise RuleError(
            f"event {event.event_id}: {event.end - event.start} long; expected at most {MAX_EVENT}"
        )


def _check_signal(event_id: str, signal: Signal) -> None:
    if signal.type_name not in SIGNAL_TYPES[signal.kind]:
        expected = ", ".join(SIGNAL_TYPES[signal.kind])
        raise RuleError(f"event {event_id}: {signal.kind} has type {signal.type_name}; expected {expected}")
    previous: Interval | None = None
    for interval in signal.intervals:
        check_value(signal.kind, interval.value, signal.signal_type)
        if interval.duration <= timedelta(0) or interval.duration % MINUTE:
            raise RuleError(
                f"event {event_id}: duration {interval.duration.total_seconds():g} s; "
                "expected a positive multiple of 60 s"
            )
        if previous is not None and interval.start != previous.end:
            raise RuleError(f"event {event_id}: gap before {interval.start.isoformat()}; expected none")
        previous = interval


def overlapping(event: Event, others: Iterable[Event]) -> list[Event]:
    """Live events of the same market context that share time and a VEN with ``event``; itself left out."""
    return [
        other
        for other in others
        if other.event_id != event.event_id
        and not other.cancelled
        and other.market_context == event.market_context
        and other.start < event.end
        and event.start < other.end
        and (not event.ven_ids or not other.ven_ids or bool(set(event.ven_ids) & set(other.ven_ids)))
    ]


def ordered(events: Iterable[Event], now: datetime) -> list[Event]:
    """Distribution order: active first, then priority (1 is highest, 0 lowest), then start."""
    return sorted(
        events,
        key=lambda event: (
            event.status_at(now) is not EventStatus.ACTIVE,
            event.priority or math.inf,
            event.start,
            event.event_id,
        ),
    )
