"""What the VEN has promised the VTN to do with its resources: read by the S2 service."""

import json
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime

from cariflex_openadr.storage.ven_database import to_moment, to_text
from cariflex_service.runtime import Clock, utc_now

ACTIVE, CANCELLED = "active", "cancelled"


@dataclass(frozen=True, slots=True)
class IntentInterval:
    """A payload as it was on the wire, from ``start`` to ``end``."""

    start: datetime
    end: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Intent:
    """The newest modification of an event that the VEN opted in to.

    ``kind`` is load_control or demand_response, ``status`` active or cancelled, ``targets`` resource ids
    (none: all). ``intervals`` carry the wire's payloads: a share 0..1 for x-loadControlCapacity, a percentage
    for x-loadControlPercentOffset; for level -1..1, a SIMPLE level n being n/3 already. ``revision`` is 0
    until stored.
    """

    vtn_id: str
    event_id: str
    modification: int
    kind: str
    signal_type: str
    priority: int
    status: str
    start: datetime
    end: datetime
    intervals: tuple[IntentInterval, ...]
    targets: tuple[str, ...] = ()
    test: bool = False
    revision: int = 0


class Intents:
    """The table ``intent``: one row an event; each change gives the row a new, higher revision."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock = utc_now) -> None:
        self._connection, self._clock = connection, clock

    def put(self, intent: Intent) -> None:
        """Keep the newest state of an event, in place of an earlier one."""
        intervals = [
            {"start": to_text(item.start), "end": to_text(item.end), "value": item.value}
            for item in intent.intervals
        ]
        # REPLACE deletes and inserts: AUTOINCREMENT then never gives a revision twice.
        self._connection.execute(
            """
            INSERT OR REPLACE INTO intent (vtn_id, event_id, modification, kind, signal_type, priority,
                                           status, start, "end", intervals, targets, test)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                intent.vtn_id,
                intent.event_id,
                intent.modification,
                intent.kind,
                intent.signal_type,
                intent.priority,
                intent.status,
                to_text(intent.start),
                to_text(intent.end),
                json.dumps(intervals),
                json.dumps(list(intent.targets)),
                int(intent.test),
            ),
        )

    def cancel(self, vtn_id: str, event_id: str) -> None:
        """Mark an event's intent as cancelled; one that is unknown or cancelled already stays as it is."""
        rows = self._connection.execute(
            "SELECT * FROM intent WHERE vtn_id = ? AND event_id = ? AND status = ?",
            (vtn_id, event_id, ACTIVE),
        ).fetchall()
        for row in rows:
            self.put(replace(_intent(row), status=CANCELLED))

    def since(self, revision: int) -> list[Intent]:
        """What changed after ``revision``, in the order of the changes."""
        rows = self._connection.execute(
            "SELECT * FROM intent WHERE revision > ? ORDER BY revision", (revision,)
        )
        return [_intent(row) for row in rows]

    def active(self) -> list[Intent]:
        """Intents that are not cancelled and have not ended, by start."""
        rows = self._connection.execute(
            'SELECT * FROM intent WHERE status = ? AND "end" > ? ORDER BY start, event_id',
            (ACTIVE, to_text(self._clock())),
        )
        return [_intent(row) for row in rows]

    def drop_ended_before(self, moment: datetime) -> None:
        """Forget intents that ended before ``moment``."""
        self._connection.execute('DELETE FROM intent WHERE "end" < ?', (to_text(moment),))


def _intent(row: sqlite3.Row) -> Intent:
    return Intent(
        vtn_id=row["vtn_id"],
        event_id=row["event_id"],
        modification=row["modification"],
        kind=row["kind"],
        signal_type=row["signal_type"],
        priority=row["priority"],
        status=row["status"],
        start=to_moment(row["start"]),
        end=to_moment(row["end"]),
        intervals=tuple(
            IntentInterval(to_moment(item["start"]), to_moment(item["end"]), float(item["value"]))
            for item in json.loads(row["intervals"])
        ),
        targets=tuple(json.loads(row["targets"])),
        test=bool(row["test"]),
        revision=row["revision"],
    )
