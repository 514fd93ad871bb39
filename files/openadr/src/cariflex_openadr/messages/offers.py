"""oadrDistributeEvent as the VEN reads it: each event on its own, so that a bad one harms no other."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from cariflex_openadr.domain.model import SIGNAL_TYPES, Event, EventStatus, Interval, Signal, SignalKind
from cariflex_openadr.domain.rules import MAX_EVENT, RuleError, check_value
from cariflex_openadr.domain.units import SIMPLE_LEVELS, per_kwh_to_per_mwh
from cariflex_openadr.messages.document import Element, MessageError
from cariflex_openadr.messages.signals import SPECS, kind_of
from cariflex_openadr.messages.xml_tree import (
    decimal,
    duration,
    find,
    find_all,
    moment,
    name_of,
    required_text,
    text,
    whole_number,
)

OK = 200
OUT_OF_SEQUENCE = 450
INVALID_ID = 452
COMPLIANCE_ERROR = 459
SIGNAL_NOT_SUPPORTED = 460
TARGET_MISMATCH = 462

# Not a name of the schema, but the one for a level between -1 and 1: more use (below 0) or less (above 0).
DEMAND_RESPONSE_NAME = "x-DEMAND_RESPONSE"
_PARTS_OF_A_SIGNAL = frozenset(
    {"intervals", "eiTarget", "signalName", "signalType", "signalID", "currentValue"}
)


class UnusableEventError(ValueError):
    """An event this VEN cannot follow. ``code`` is the OpenADR response code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Offer:
    """An event as received: its identity always, the event itself or why it is unusable.

    A cancellation is one even when nothing else of the event can be read.
    """

    event_id: str
    modification: int
    created_at: datetime | None
    response_required: bool
    event: Event | None
    code: int = OK
    problem: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Distribution:
    """One oadrDistributeEvent. ``nameless`` counts events without a readable id or modification number.

    ``event_ids`` are all readable ids, also those of events that are otherwise unreadable.
    """

    vtn_id: str
    request_id: str
    offers: tuple[Offer, ...]
    event_ids: frozenset[str]
    nameless: int = 0


def read_distribution(message: Element, ven_id: str, resources: frozenset[str] = frozenset()) -> Distribution:
    """Read an oadrDistributeEvent; ``resources`` are the ids of ours that events may name (none: any).

    Raises:
        MessageError: the message says that it is an error, so its list of events means nothing.
    """
    code = text(message, "eiResponse/responseCode")
    if code and not code.startswith("2"):
        description = text(message, "eiResponse/responseDescription")
        raise MessageError(f"oadrDistributeEvent: response {code} {description}; expected 200")
    offers: list[Offer] = []
    event_ids: set[str] = set()
    nameless = 0
    for element in find_all(message, "oadrEvent"):
        event_id = text(element, "eiEvent/eventDescriptor/eventID")
        event_ids.add(event_id)
        try:
            modification = whole_number(element, "eiEvent/eventDescriptor/modificationNumber")
        except MessageError:
            nameless += 1
            continue
        if not event_id:
            nameless += 1
            continue
        offers.append(_read_offer(element, event_id, modification, ven_id, resources))
    request_id = text(message, "requestID")
    return Distribution(text(message, "vtnID"), request_id, tuple(offers), frozenset(event_ids), nameless)


def _read_offer(
    element: Element, event_id: str, modification: int, ven_id: str, resources: frozenset[str]
) -> Offer:
    required = text(element, "oadrResponseRequired") == "always"
    cancelled = text(element, "eiEvent/eventDescriptor/eventStatus") == EventStatus.CANCELLED
    created_at: datetime | None = None
    event: Event | None = None
    code, problem = OK, ""
    try:
        created_at = moment(element, "eiEvent/eventDescriptor/createdDateTime")
        event = _read_event(find(element, "eiEvent"), event_id, modification, created_at, ven_id, resources)
    except UnusableEventError as error:
        code, problem = error.code, f"event {event_id}: {error}"
    except (MessageError, RuleError) as error:
        code, problem = COMPLIANCE_ERROR, f"event {event_id}: {error}"
    return Offer(event_id, modification, created_at, required, event, code, problem, cancelled)


def _read_event(
    element: Element,
    event_id: str,
    modification: int,
    created_at: datetime,
    ven_id: str,
    resources: frozenset[str],
) -> Event:
    descriptor = find(element, "eventDescriptor")
    resource_ids = _read_targets(element, ven_id, resources)
    start = moment(element, "eiActivePeriod/properties/dtstart/date-time")
    length = duration(element, "eiActivePeriod/properties/duration/duration")
    found = find_all(element, "eiEventSignals/eiEventSignal")
    if not found:
        raise MessageError("no signals; expected at least one")
    signals = tuple(_read_signal(signal, start, length) for signal in found)
    kinds = [signal.kind for signal in signals]
    if len(set(kinds)) != len(kinds):
        raise UnusableEventError(
            SIGNAL_NOT_SUPPORTED,
            f"signals {', '.join(kinds)}; expected one of each kind: they may contradict",
        )
    test = find(descriptor, "testEvent")
    return Event(
        event_id=event_id,
        modification=modification,
        created_at=created_at,
        market_context=text(descriptor, "eiMarketContext/marketContext"),
        signals=signals,
        priority=whole_number(descriptor, "priority") if find(descriptor, "priority") is not None else 0,
        cancelled=text(descriptor, "eventStatus") == EventStatus.CANCELLED,
        # Any testEvent but "false" marks a test (rule 6).
        test=test is not None and (test.text or "").strip() != "false",
        resource_ids=resource_ids,
    )


def _read_targets(element: Element, ven_id: str, resources: frozenset[str]) -> tuple[str, ...]:
    """Resources that the event names. An event for somebody else, or for unknown resources, is unusable."""
    target = find(element, "eiTarget")
    if target is None:
        return ()
    vens = [(item.text or "").strip() for item in find_all(target, "venID")]
    resource_ids = tuple((item.text or "").strip() for item in find_all(target, "resourceID"))
    others = sorted({name_of(item) for item in target} - {"venID", "resourceID"})
    if vens and ven_id not in vens:
        raise UnusableEventError(TARGET_MISMATCH, f"addressed to {', '.join(vens)}; expected {ven_id}")
    if others and not vens:
        raise UnusableEventError(
            TARGET_MISMATCH, f"addressed by {', '.join(others)}; expected venID or resourceID"
        )
    unknown = [item for item in resource_ids if resources and item not in resources]
    if unknown:
        raise UnusableEventError(
            INVALID_ID, f"resources {', '.join(unknown)}; expected resources of {ven_id}"
        )
    return resource_ids


def _read_signal(element: Element, start: datetime, length: timedelta) -> Signal:
    name, signal_type = required_text(element, "signalName"), required_text(element, "signalType")
    by_level = name == DEMAND_RESPONSE_NAME
    kind = SignalKind.DEMAND_RESPONSE if by_level else kind_of(name)
    if kind is None:
        raise UnusableEventError(SIGNAL_NOT_SUPPORTED, f"signal {name} is not supported")
    if signal_type not in SIGNAL_TYPES[kind]:
        expected = " or ".join(SIGNAL_TYPES[kind])
        raise UnusableEventError(SIGNAL_NOT_SUPPORTED, f"{name} has type {signal_type}; expected {expected}")
    _check_measurement(element, name, kind)
    if find_all(element, "eiTarget/*"):
        raise UnusableEventError(
            TARGET_MISMATCH, f"{name} is for a class of devices; expected the whole event"
        )
    intervals: list[Interval] = []
    begun = start
    for item in find_all(element, "intervals/interval"):
        interval = _read_interval(item, start, kind, signal_type, by_level=by_level)
        intervals.append(interval)
        start = interval.end
    if not intervals or start - begun != length:
        raise MessageError(
            f"{name}: intervals of {start - begun} in all; expected the active period, {length}"
        )
    if length > MAX_EVENT:
        raise MessageError(f"{name}: {length} long; expected at most {MAX_EVENT}")
    # The kind's own type is left empty, so that an event is the same however it came.
    return Signal(kind, tuple(intervals), "" if signal_type == SIGNAL_TYPES[kind][0] else signal_type)


def _read_interval(
    element: Element, start: datetime, kind: SignalKind, signal_type: str, *, by_level: bool
) -> Interval:
    length = duration(element, "duration/duration")
    if not length:
        # Rule 47 lets duration 0 mean "until further notice"; a sensor series needs an end.
        raise MessageError("open-ended interval; expected a duration")
    if find(element, "dtstart") is not None and moment(element, "dtstart/date-time") != start:
        raise MessageError(f"interval starts at {text(element, 'dtstart/date-time')}; expected {start}")
    payload = "payloadFloat" if find(element, "signalPayload/payloadFloat") is not None else "payloadInt"
    value = decimal(element, f"signalPayload/{payload}/value")
    if by_level:
        if not -1 <= value <= 1:
            raise MessageError(f"{DEMAND_RESPONSE_NAME} level: {value}; expected -1 to 1")
        # The model counts demand response in levels of SIMPLE.
        return Interval(start, length, SIMPLE_LEVELS * value)
    check_value(kind, value, signal_type)
    return Interval(start, length, per_kwh_to_per_mwh(value) if kind is SignalKind.PRICE else value)


def _check_measurement(element: Element, name: str, kind: SignalKind) -> None:
    """A value of the wrong unit must never reach a sensor: unit, or its absence, as the kind demands."""
    spec = SPECS[kind]
    expected = f"{spec.measurement}/{spec.unit}/none" if spec.unit else "no unit"
    found = [item for item in element if name_of(item) not in _PARTS_OF_A_SIGNAL]
    units = [f"{name_of(item)}/{text(item, 'itemUnits')}/{text(item, 'siScaleCode')}" for item in found]
    if units != ([expected] if spec.unit else []):
        raise MessageError(f"{name} in {', '.join(units) or 'no unit'}; expected {expected}")


def event_response(
    *, event_id: str, modification: int, request_id: str, opt: str, code: int = OK, problem: str = ""
) -> dict[str, object]:
    """One eventResponse of oadrCreatedEvent. openleadr's templates do not escape, hence ``escape`` here."""
    return {
        "response_code": code,
        "response_description": escape(problem or "OK"),
        "request_id": escape(request_id),
        "event_id": escape(event_id),
        "modification_number": modification,
        "opt_type": opt,
    }
