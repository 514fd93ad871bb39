"""What the operator's face shows: events with their answers, VENs with what they did."""

from datetime import datetime
from typing import Any

from cariflex_openadr.domain.model import LOAD_PERCENT_OFFSET, Event, Signal, SignalKind
from cariflex_openadr.messages.signals import SPECS
from cariflex_openadr.security.authority import openadr_fingerprint
from cariflex_openadr.storage.database import Database
from cariflex_openadr.storage.rows import event_from_row
from cariflex_service.runtime import iso

PAYLOAD_UNITS = {
    SignalKind.PRICE: "EUR/MWh",
    SignalKind.LOAD_CONTROL: "share of capacity",
    SignalKind.DEMAND_RESPONSE: "level",
}

EVENTS = """
SELECT newest_event.*, answers.opts,
       (SELECT count(*) FROM ven WHERE registered AND revoked_at IS NULL
        AND (newest_event.ven_ids = '{}' OR ven_id = ANY (newest_event.ven_ids))) AS vens_expected,
       (SELECT count(*) FROM delivery AS sent WHERE sent.event_id = newest_event.event_id
        AND sent.modification = newest_event.modification) AS vens_delivered
FROM newest_event, LATERAL (
    SELECT coalesce(jsonb_agg(to_jsonb(answer) ORDER BY answer.ven_id), '[]') AS opts FROM opt AS answer
    WHERE answer.event_id = newest_event.event_id AND answer.modification = newest_event.modification
) AS answers
WHERE ends_at >= %s AND (%s::text IS NULL OR event_id = %s)
ORDER BY starts_at, event_id
LIMIT %s
"""

VENS = """
SELECT ven.*, ven_contact.last_poll, answers.opts, counts.opt_in, counts.opt_out, reported.values_stored,
       reported.last_value, (SELECT count(*) FROM opt_schedule
           WHERE opt_schedule.ven_id = ven.ven_id AND cancelled_at IS NULL) AS opt_schedules
FROM ven LEFT JOIN ven_contact USING (ven_id),
LATERAL (
    SELECT coalesce(jsonb_agg(to_jsonb(recent)), '[]') AS opts
    FROM (SELECT * FROM opt WHERE opt.ven_id = ven.ven_id ORDER BY answered_at DESC LIMIT 20) AS recent
) AS answers,
LATERAL (
    SELECT count(*) FILTER (WHERE opt = 'optIn') AS opt_in, count(*) FILTER (WHERE opt = 'optOut') AS opt_out
    FROM opt WHERE opt.ven_id = ven.ven_id
) AS counts,
LATERAL (
    SELECT count(report_value.start) AS values_stored, max(report_value.start) AS last_value
    FROM report_request LEFT JOIN report_value USING (request_id) WHERE report_request.ven_id = ven.ven_id
) AS reported
WHERE %s::text IS NULL OR ven.ven_id = %s
ORDER BY ven.ven_name
LIMIT %s
"""

REPORTS = """
SELECT report_request.ven_id, report_request.request_id, specifier_id, report_name,
       granularity_s, report_back_s, origin, confirmed_at, cancelled_at, cancel_confirmed_at, refused,
       point.item ->> 'r_id' AS r_id, point.item ->> 'resource_id' AS resource_id,
       point.item ->> 'unit' AS unit, newest.start, newest.value, newest.received_at
FROM report_request JOIN report_offer USING (ven_id, specifier_id)
JOIN LATERAL jsonb_array_elements(descriptions) AS point (item) ON point.item ->> 'r_id' = ANY (r_ids)
LEFT JOIN LATERAL (
    SELECT * FROM report_value WHERE report_value.request_id = report_request.request_id
    AND report_value.r_id = point.item ->> 'r_id' ORDER BY start DESC LIMIT 1
) AS newest ON true
WHERE (%s::text IS NULL OR report_request.ven_id = %s)
  AND (%s::text IS NULL OR report_request.request_id = %s)
ORDER BY report_request.ven_id, specifier_id, created_at, request_id, point.item ->> 'r_id'
LIMIT %s
"""


async def events(
    database: Database, now: datetime, since: datetime, limit: int, event_id: str | None = None
) -> list[dict[str, Any]]:
    """Newest modification of the events that end after ``since``, each with the answers to it."""
    rows = await database.rows(EVENTS, [since, event_id, event_id, limit])
    return [
        describe_event(event_from_row(row), row["opts"], now)
        | {key: row[key] for key in ("vens_expected", "vens_delivered")}
        for row in rows
    ]


def describe_event(event: Event, opts: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    """An event as JSON; ``opts`` are rows of table opt."""
    return {
        "event_id": event.event_id,
        "modification": event.modification,
        "created_at": iso(event.created_at),
        "market_context": event.market_context,
        "priority": event.priority,
        "status": event.status_at(now).value,
        "test": event.test,
        "ven_ids": list(event.ven_ids),
        "resource_ids": list(event.resource_ids),
        "start": iso(event.start),
        "duration_s": int((event.end - event.start).total_seconds()),
        "signals": [_describe_signal(signal) for signal in event.signals],
        "opts": [describe_opt(opt) for opt in opts],
    }


def _describe_signal(signal: Signal) -> dict[str, Any]:
    offset = signal.signal_type == LOAD_PERCENT_OFFSET
    return {
        "kind": signal.kind.value,
        "name": SPECS[signal.kind].names[0],
        "type": signal.type_name,
        "unit": "percent offset" if offset else PAYLOAD_UNITS[signal.kind],
        "intervals": [
            {
                "start": iso(interval.start),
                "duration_s": int(interval.duration.total_seconds()),
                "value": interval.value,
            }
            for interval in signal.intervals
        ],
    }


def describe_opt(row: dict[str, Any]) -> dict[str, Any]:
    """A row of table opt as JSON."""
    return {
        "ven_id": row["ven_id"],
        "event_id": row["event_id"],
        "modification": row["modification"],
        "opt": row["opt"],
        "code": row["code"],
        "description": row["description"],
        "at": iso(datetime.fromisoformat(row["answered_at"])),
    }


async def vens(database: Database, limit: int, ven_id: str | None = None) -> list[dict[str, Any]]:
    """VENs with last poll, newest answers and reports."""
    rows = await database.rows(VENS, [ven_id, ven_id, limit])
    return [
        {
            "ven_name": row["ven_name"],
            "ven_id": row["ven_id"],
            "registration_id": row["registration_id"],
            "origin": row["origin"],
            "registered": row["registered"],
            "revoked_at": iso(row["revoked_at"]),
            "fingerprint": row["fingerprint"],
            "openadr_fingerprint": openadr_fingerprint(row["fingerprint"]) if row["fingerprint"] else None,
            "last_poll": iso(row["last_poll"]),
            "opt_in": row["opt_in"],
            "opt_out": row["opt_out"],
            "opt_schedules": row["opt_schedules"],
            "report_values": row["values_stored"],
            "last_report_value": iso(row["last_value"]),
            "opts": [describe_opt(opt) for opt in row["opts"]],
        }
        for row in rows
    ]


async def reports(
    database: Database, limit: int, *, ven_id: str | None = None, request_id: str | None = None
) -> list[dict[str, Any]]:
    """Requested reports, one row a point, with its newest value."""
    rows = await database.rows(REPORTS, [ven_id, ven_id, request_id, request_id, limit])
    moments = ("confirmed_at", "cancelled_at", "cancel_confirmed_at", "start", "received_at")
    return [row | {key: iso(row[key]) for key in moments} for row in rows]
