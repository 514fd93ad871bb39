"""Events to and from the columns of table ``event``."""

from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from cariflex_openadr.domain.model import Event, Interval, Signal, SignalKind


def event_values(event: Event) -> list[Any]:
    """Values for an INSERT, in the order of the table's columns."""
    return [
        event.event_id,
        event.modification,
        event.created_at,
        event.market_context,
        event.priority,
        event.cancelled,
        event.test,
        list(event.ven_ids),
        list(event.resource_ids),
        Jsonb([_signal_json(signal) for signal in event.signals]),
        event.start,
        event.end,
    ]


def event_from_row(row: dict[str, Any]) -> Event:
    """The event in a row of the table."""
    return Event(
        event_id=row["event_id"],
        modification=row["modification"],
        created_at=row["created_at"],
        market_context=row["market_context"],
        signals=tuple(_signal(raw) for raw in row["signals"]),
        priority=row["priority"],
        cancelled=row["cancelled"],
        test=row["test"],
        ven_ids=tuple(row["ven_ids"]),
        resource_ids=tuple(row["resource_ids"]),
    )


def _signal_json(signal: Signal) -> dict[str, Any]:
    return {
        "kind": signal.kind.value,
        "type": signal.signal_type,
        "intervals": [
            [item.start.isoformat(), int(item.duration.total_seconds()), item.value]
            for item in signal.intervals
        ],
    }


def _signal(raw: dict[str, Any]) -> Signal:
    intervals = tuple(
        Interval(datetime.fromisoformat(start), timedelta(seconds=duration_s), value)
        for start, duration_s, value in raw["intervals"]
    )
    return Signal(SignalKind(raw["kind"]), intervals, raw["type"])
