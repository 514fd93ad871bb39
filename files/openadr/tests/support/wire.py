"""Events as the dictionaries that openleadr renders: what another VTN than ours would send."""

from datetime import datetime
from typing import Any

from cariflex_openadr.domain.model import Event, EventStatus, Signal, SignalKind
from cariflex_openadr.domain.units import per_mwh_to_per_kwh
from cariflex_openadr.messages.signals import SPECS


def to_wire(event: Event, ven_id: str, now: datetime) -> dict[str, Any]:
    """``event`` as openleadr's oadrDistributeEvent template wants it, addressed to one VEN.

    Intervals carry no dtstart (only the active period does); currentValue is 0 unless the event is active.
    """
    status = event.status_at(now)
    signals = [
        {
            "signal_id": f"{event.event_id}-{signal.kind}",
            "signal_name": SPECS[signal.kind].names[0],
            "signal_type": signal.type_name,
            "intervals": [
                {"duration": interval.duration, "signal_payload": _payload(signal.kind, interval.value)}
                for interval in signal.intervals
            ],
            "current_value": _current_value(signal, status, now),
            "measurement": _measurement(signal.kind),
        }
        for signal in event.signals
    ]
    return {
        "event_descriptor": {
            "event_id": event.event_id,
            "modification_number": event.modification,
            "modification_date_time": event.created_at if event.modification else None,
            "priority": event.priority,
            "market_context": event.market_context,
            "created_date_time": event.created_at,
            "event_status": status.value,
            "test_event": event.test,
        },
        "active_period": {"dtstart": event.start, "duration": event.end - event.start},
        "event_signals": signals,
        "targets": [{"ven_id": ven_id}, *({"resource_id": item} for item in event.resource_ids)],
        "response_required": "always",
    }


def _payload(kind: SignalKind, value: float) -> float:
    return per_mwh_to_per_kwh(value) if kind is SignalKind.PRICE else value


def _current_value(signal: Signal, status: EventStatus, now: datetime) -> float:
    if status is not EventStatus.ACTIVE:
        return 0
    return next((_payload(signal.kind, i.value) for i in signal.intervals if i.start <= now < i.end), 0)


def _measurement(kind: SignalKind) -> dict[str, str] | None:
    spec = SPECS[kind]
    if spec.measurement is None or spec.unit is None:
        return None
    return {
        "ns": "oadr",
        "name": spec.measurement,
        "description": spec.measurement,
        "unit": spec.unit,
        "scale": "none",
    }
