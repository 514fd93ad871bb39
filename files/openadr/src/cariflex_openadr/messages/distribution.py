"""oadrDistributeEvent, rendered once for each (event, modification).

What changes between two replies is little: eventStatus and currentValue with time, venID with the VEN. The
rest of an event is a fixed text, so that a reply is a few joins.
"""

from dataclasses import dataclass, field
from datetime import datetime

from cariflex_openadr.domain.model import Event, EventStatus, Signal, SignalKind
from cariflex_openadr.domain.units import per_mwh_to_per_kwh
from cariflex_openadr.messages.replies import ei_response, signed_object, text
from cariflex_openadr.messages.signals import SPECS
from cariflex_openadr.messages.times import format_duration, format_moment

# An event that was changed or has ended leaves its text behind until then.
MOST_KEPT = 512


@dataclass(frozen=True, slots=True)
class FixedText:
    """An event's text, cut where something changes: eventStatus, currentValue of each signal, venID."""

    head: str
    signals: tuple[str, ...]
    before_target: str
    tail: str


@dataclass(slots=True)
class Distribution:
    """Renders distributions, keeping the texts of events."""

    vtn_id: str
    rendered: int = 0
    _texts: dict[tuple[str, int], FixedText] = field(default_factory=dict)

    def render(
        self, request_id: str, events: list[Event], ven_id: str, now: datetime, answer_to: str = ""
    ) -> str:
        """oadrDistributeEvent for one VEN; with ``answer_to``, the requestID of its oadrRequestEvent."""
        target = f"<ei:venID>{text(ven_id)}</ei:venID>"
        parts = [
            ei_response(answer_to),
            f"<pyld:requestID>{text(request_id)}</pyld:requestID><ei:vtnID>{text(self.vtn_id)}</ei:vtnID>",
        ]
        for event in events:
            status = event.status_at(now)
            fixed = self._fixed(event)
            parts += (fixed.head, status.value)
            for part, signal in zip(fixed.signals, event.signals, strict=True):
                parts += (part, repr(current_value(signal, status, now)))
            parts += (fixed.before_target, target, fixed.tail)
        return signed_object("oadrDistributeEvent", "".join(parts))

    def _fixed(self, event: Event) -> FixedText:
        key = (event.event_id, event.modification)
        found = self._texts.get(key)
        if found is None:
            if len(self._texts) >= MOST_KEPT:
                self._texts.clear()
            found = self._texts[key] = fixed_text(event)
            self.rendered += 1
        return found


def current_value(signal: Signal, status: EventStatus, now: datetime) -> float:
    """currentValue: 0 unless the event is active, else the payload of the running interval."""
    if status is not EventStatus.ACTIVE:
        return 0.0
    return next((wire_value(signal.kind, i.value) for i in signal.intervals if i.start <= now < i.end), 0.0)


def wire_value(kind: SignalKind, value: float) -> float:
    """An interval's payload on the wire: prices per kWh."""
    return per_mwh_to_per_kwh(value) if kind is SignalKind.PRICE else float(value)


def fixed_text(event: Event) -> FixedText:
    """Render what stays the same for every VEN and at every time."""
    created = format_moment(event.created_at)
    modified = f"<ei:modificationDateTime>{created}</ei:modificationDateTime>" if event.modification else ""
    head = (
        f"<oadr:oadrEvent><ei:eiEvent><ei:eventDescriptor><ei:eventID>{text(event.event_id)}</ei:eventID>"
        f"<ei:modificationNumber>{event.modification}</ei:modificationNumber>{modified}"
        f"<ei:priority>{event.priority}</ei:priority><ei:eiMarketContext><emix:marketContext>"
        f"{text(event.market_context)}</emix:marketContext></ei:eiMarketContext>"
        f"<ei:createdDateTime>{created}</ei:createdDateTime><ei:eventStatus>"
    )
    period = (
        f"</ei:eventStatus><ei:testEvent>{'true' if event.test else 'false'}</ei:testEvent>"
        f"</ei:eventDescriptor><ei:eiActivePeriod><xcal:properties><xcal:dtstart><xcal:date-time>{format_moment(event.start)}"
        "</xcal:date-time></xcal:dtstart><xcal:duration><xcal:duration>"
        f"{format_duration(event.end - event.start)}</xcal:duration></xcal:duration></xcal:properties>"
        "<xcal:components></xcal:components></ei:eiActivePeriod><ei:eiEventSignals>"
    )
    signal_end = "</ei:value></ei:payloadFloat></ei:currentValue></ei:eiEventSignal>"
    signals = [_signal(event, signal) for signal in event.signals]
    resources = "".join(f"<ei:resourceID>{text(item)}</ei:resourceID>" for item in event.resource_ids)
    return FixedText(
        head=head,
        signals=(period + signals[0], *(signal_end + signal for signal in signals[1:])),
        before_target=f"{signal_end}</ei:eiEventSignals><ei:eiTarget>{resources}",
        tail="</ei:eiTarget></ei:eiEvent><oadr:oadrResponseRequired>always</oadr:oadrResponseRequired>"
        "</oadr:oadrEvent>",
    )


def _signal(event: Event, signal: Signal) -> str:
    spec = SPECS[signal.kind]
    intervals = "".join(
        f"<ei:interval><xcal:duration><xcal:duration>{format_duration(item.duration)}</xcal:duration>"
        f"</xcal:duration><xcal:uid><xcal:text>{uid}</xcal:text></xcal:uid><ei:signalPayload><ei:payloadFloat>"
        f"<ei:value>{wire_value(signal.kind, item.value)!r}</ei:value></ei:payloadFloat></ei:signalPayload>"
        "</ei:interval>"
        for uid, item in enumerate(signal.intervals)
    )
    measurement = ""
    if spec.measurement is not None and spec.unit is not None:
        measurement = (
            f"<oadr:{spec.measurement}><oadr:itemDescription>{spec.measurement}</oadr:itemDescription>"
            f"<oadr:itemUnits>{spec.unit}</oadr:itemUnits>"
            '<scale:siScaleCode xmlns:scale="http://docs.oasis-open.org/ns/emix/2011/06/siscale">none'
            f"</scale:siScaleCode></oadr:{spec.measurement}>"
        )
    return (
        f"<ei:eiEventSignal><strm:intervals>{intervals}</strm:intervals>"
        f"<ei:signalName>{spec.names[0]}</ei:signalName><ei:signalType>{text(signal.type_name)}</ei:signalType>"
        f"<ei:signalID>{text(event.event_id)}-{signal.kind}</ei:signalID>{measurement}"
        "<ei:currentValue><ei:payloadFloat><ei:value>"
    )
