"""Events from the dictionaries that openleadr parses (oadrDistributeEvent)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from cariflex_openadr.domain.model import SIGNAL_TYPES, Event, EventStatus, Interval, Signal, SignalKind
from cariflex_openadr.domain.rules import MAX_EVENT, RuleError, check_value
from cariflex_openadr.domain.units import per_kwh_to_per_mwh
from cariflex_openadr.messages.signals import SPECS, kind_of

OK = 200
SIGNAL_NOT_SUPPORTED = 460
BAD_DATA = 459


class UnusableEventError(ValueError):
    """An event this VEN cannot follow. ``code`` is the OpenADR response code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Offer:
    """An event as received: its identity always, the event itself or why it is unusable."""

    event_id: str
    modification: int
    created_at: datetime | None
    response_required: bool
    event: Event | None
    code: int = OK
    problem: str = ""


def from_wire(raw: Mapping[str, Any], ven_id: str) -> Offer:
    """Read one parsed event. Never raises for bad content: one bad event must not harm the others.

    openleadr turns all-digit ids into numbers, so ids are made text again.
    """
    descriptor = raw["event_descriptor"]
    event_id, modification = str(descriptor["event_id"]), int(descriptor["modification_number"])
    created = descriptor.get("created_date_time")
    created_at = created if isinstance(created, datetime) else None
    required = raw.get("response_required") == "always"
    try:
        event = _read_event(raw, event_id, modification, created_at, ven_id)
    except UnusableEventError as error:
        return Offer(event_id, modification, created_at, required, None, error.code, str(error))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"event {event_id}: cannot be read ({type(error).__name__}: {error})"
        return Offer(event_id, modification, created_at, required, None, BAD_DATA, reason)
    return Offer(event_id, modification, created_at, required, event)


def _read_event(
    raw: Mapping[str, Any], event_id: str, modification: int, created_at: datetime | None, ven_id: str
) -> Event:
    descriptor, period = raw["event_descriptor"], raw["active_period"]
    if created_at is None:
        raise UnusableEventError(BAD_DATA, f"event {event_id}: createdDateTime is no UTC time")
    targets = [str(target["ven_id"]) for target in raw.get("targets") or [] if "ven_id" in target]
    if targets and ven_id not in targets:
        raise UnusableEventError(BAD_DATA, f"event {event_id}: addressed to {targets}; expected {ven_id}")
    signals = raw["event_signals"]
    if isinstance(signals, Mapping):
        signals = signals["event_signals"]
    if not signals:
        raise UnusableEventError(BAD_DATA, f"event {event_id}: no signals; expected at least one")
    return Event(
        event_id=event_id,
        modification=modification,
        created_at=created_at,
        market_context=str(descriptor.get("market_context", "")),
        signals=tuple(_read_signal(event_id, signal, period["dtstart"]) for signal in signals),
        priority=int(descriptor.get("priority") or 0),
        cancelled=descriptor["event_status"] == EventStatus.CANCELLED,
        # Any testEvent but "false" marks a test (rule 6).
        test=descriptor.get("test_event") not in (None, False),
        resource_ids=tuple(
            str(item["resource_id"]) for item in raw.get("targets") or [] if "resource_id" in item
        ),
    )


def _read_signal(event_id: str, raw: Mapping[str, Any], start: datetime) -> Signal:
    name = str(raw["signal_name"])
    kind = kind_of(name)
    if kind is None:
        raise UnusableEventError(SIGNAL_NOT_SUPPORTED, f"event {event_id}: signal {name} is not supported")
    spec = SPECS[kind]
    signal_type = str(raw["signal_type"])
    if signal_type not in SIGNAL_TYPES[kind]:
        expected = " or ".join(SIGNAL_TYPES[kind])
        reason = f"event {event_id}: {name} has type {signal_type}; expected {expected}"
        raise UnusableEventError(SIGNAL_NOT_SUPPORTED, reason)
    measurement = raw.get("measurement") or {}
    if spec.unit and (measurement.get("name"), measurement.get("unit")) != (spec.measurement, spec.unit):
        found = f"{measurement.get('name')}/{measurement.get('unit')}"
        reason = f"event {event_id}: {name} in {found}; expected {spec.measurement}/{spec.unit}"
        raise UnusableEventError(BAD_DATA, reason)
    intervals: list[Interval] = []
    for item in raw["intervals"]:
        duration, value = item["duration"], float(item["signal_payload"])
        if not isinstance(duration, timedelta) or duration <= timedelta(0):
            # Rule 47 lets duration 0 mean "until further notice"; a sensor series needs an end.
            raise UnusableEventError(BAD_DATA, f"event {event_id}: open-ended interval; expected a duration")
        try:
            check_value(kind, value, signal_type)
        except RuleError as error:
            raise UnusableEventError(BAD_DATA, f"event {event_id}: {error}") from error
        value = per_kwh_to_per_mwh(value) if kind is SignalKind.PRICE else value
        intervals.append(Interval(start, duration, value))
        start += duration
    if intervals[-1].end - intervals[0].start > MAX_EVENT:
        raise UnusableEventError(BAD_DATA, f"event {event_id}: longer than {MAX_EVENT}")
    # The kind's own type is left empty, so that an event is the same however it came.
    return Signal(kind, tuple(intervals), "" if signal_type == SIGNAL_TYPES[kind][0] else signal_type)


def event_response(offer: Offer, request_id: str, opt: str) -> dict[str, Any]:
    """One eventResponse of oadrCreatedEvent. openleadr's templates do not escape, hence ``escape`` here."""
    return {
        "response_code": offer.code,
        "response_description": escape(offer.problem or "OK"),
        "request_id": escape(request_id),
        "event_id": escape(offer.event_id),
        "modification_number": offer.modification,
        "opt_type": opt,
    }
