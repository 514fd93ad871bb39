"""The VEN's inbox: every modification of every event, kept with its answer before the answer is sent."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cariflex_openadr.domain.model import Event, Interval, Signal, SignalKind
from cariflex_openadr.storage.ven_database import to_moment, to_text

OPT_IN, OPT_OUT = "optIn", "optOut"


@dataclass(frozen=True, slots=True)
class EventRecord:
    """What the VEN made of one modification of an event.

    ``event`` is None when it could not be read. ``change`` counts what else happened to this modification:
    the VTN ``dropped`` it from its list, offered it again, or made it anew after losing its memory.
    ``request_id`` and ``answer_due`` are those of the distribution to be answered.
    """

    vtn_id: str
    event_id: str
    modification: int
    change: int
    created_at: datetime | None
    belief_time: datetime | None
    received_at: datetime
    event: Event | None
    opt: str
    code: int
    reason: str
    dropped: bool = False
    request_id: str = ""
    answer_due: bool = False
    responded_at: datetime | None = None
    sequence: int = 0

    @property
    def followed(self) -> Event | None:
        """The event when its values hold: opted in to, no test, not dropped."""
        if self.event is None or self.opt != OPT_IN or self.dropped or self.event.test:
            return None
        return self.event


class VenEvents:
    """The table ``event``; the newest record of an event is the one with the highest sequence."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, record: EventRecord) -> None:
        """Keep a record as the newest of its event."""
        ends_at = record.event.end if record.event is not None else record.received_at
        self._connection.execute(
            """
            INSERT INTO event (vtn_id, event_id, modification, change, created_at, belief_time, received_at,
                               ends_at, document, opt, code, reason, dropped, request_id, answer_due,
                               responded_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                record.vtn_id,
                record.event_id,
                record.modification,
                record.change,
                _text(record.created_at),
                _text(record.belief_time),
                to_text(record.received_at),
                to_text(ends_at),
                None if record.event is None else json.dumps(_document(record.event)),
                record.opt,
                record.code,
                record.reason,
                int(record.dropped),
                record.request_id,
                int(record.answer_due),
                _text(record.responded_at),
            ),
        )

    def next_change(self, event_id: str, modification: int) -> int:
        """0 for a modification never seen, else one more than its last change. VTNs may share event ids."""
        found = self._connection.execute(
            "SELECT COALESCE(MAX(change) + 1, 0) FROM event WHERE event_id = ? AND modification = ?",
            (event_id, modification),
        ).fetchone()
        return int(found[0])

    def newest(self, vtn_id: str, event_id: str) -> EventRecord | None:
        """The newest record of an event."""
        row = self._connection.execute(
            "SELECT * FROM event WHERE vtn_id = ? AND event_id = ? ORDER BY sequence DESC LIMIT 1",
            (vtn_id, event_id),
        ).fetchone()
        return None if row is None else _record(row)

    def newest_of_all(self) -> list[EventRecord]:
        """The newest record of each event."""
        rows = self._connection.execute(
            "SELECT * FROM event WHERE sequence IN "
            "(SELECT MAX(sequence) FROM event GROUP BY vtn_id, event_id) ORDER BY sequence"
        )
        return [_record(row) for row in rows]

    def records(self) -> list[EventRecord]:
        """Every record, oldest first."""
        return [_record(row) for row in self._connection.execute("SELECT * FROM event ORDER BY sequence")]

    def ask_for_answer(self, sequence: int, request_id: str) -> None:
        """The VTN wants an answer, or the same one once more."""
        self._connection.execute(
            "UPDATE event SET answer_due = 1, request_id = ? WHERE sequence = ?", (request_id, sequence)
        )

    def unanswered(self) -> list[EventRecord]:
        """Records whose answer has not reached the VTN yet, oldest first."""
        rows = self._connection.execute("SELECT * FROM event WHERE answer_due = 1 ORDER BY sequence")
        return [_record(row) for row in rows]

    def answered(self, sequence: int, at: datetime) -> None:
        """The VTN has the answer; the time of the first one stays."""
        self._connection.execute(
            "UPDATE event SET answer_due = 0, responded_at = COALESCE(responded_at, ?) WHERE sequence = ?",
            (to_text(at), sequence),
        )

    def forget_answers(self, vtn_id: str, offered: frozenset[str]) -> None:
        """The VTN waits for no answer to what it does not offer, nor to what is no event's newest."""
        waiting = self._connection.execute(
            "SELECT sequence, event_id FROM event WHERE vtn_id = ? AND answer_due = 1", (vtn_id,)
        ).fetchall()
        for row in waiting:
            newest = self.newest(vtn_id, row["event_id"])
            if row["event_id"] not in offered or newest is None or newest.sequence != row["sequence"]:
                self.give_up_answer(row["sequence"])

    def give_up_answer(self, sequence: int) -> None:
        """The VTN does not want the answer."""
        self._connection.execute("UPDATE event SET answer_due = 0 WHERE sequence = ?", (sequence,))

    def drop_ended_before(self, moment: datetime) -> None:
        """Forget events of which nothing ended, or was received, at or after ``moment``."""
        self._connection.execute(
            "DELETE FROM event WHERE (vtn_id, event_id) IN (SELECT vtn_id, event_id FROM event "
            "GROUP BY vtn_id, event_id HAVING MAX(ends_at) < :moment AND MAX(received_at) < :moment)",
            {"moment": to_text(moment)},
        )


class VenState:
    """The table ``state``: single values that outlive a restart."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, name: str) -> str:
        """The value, empty when it was never set."""
        row = self._connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return "" if row is None else str(row["value"])

    def set(self, name: str, value: str) -> None:
        """Keep a value."""
        self._connection.execute("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", (name, value))


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else to_moment(text)


def _document(event: Event) -> dict[str, Any]:
    """The event's content as JSON; its identity stands in the columns."""
    return {
        "created_at": to_text(event.created_at),
        "market_context": event.market_context,
        "priority": event.priority,
        "cancelled": event.cancelled,
        "test": event.test,
        "resource_ids": list(event.resource_ids),
        "signals": [
            {
                "kind": signal.kind.value,
                "type": signal.signal_type,
                "intervals": [
                    {
                        "start": to_text(item.start),
                        "duration_s": item.duration.total_seconds(),
                        "value": item.value,
                    }
                    for item in signal.intervals
                ],
            }
            for signal in event.signals
        ],
    }


def _event(event_id: str, modification: int, document: dict[str, Any]) -> Event:
    signals = tuple(
        Signal(
            SignalKind(signal["kind"]),
            tuple(
                Interval(to_moment(item["start"]), timedelta(seconds=item["duration_s"]), item["value"])
                for item in signal["intervals"]
            ),
            signal["type"],
        )
        for signal in document["signals"]
    )
    return Event(
        event_id=event_id,
        modification=modification,
        created_at=to_moment(document["created_at"]),
        market_context=document["market_context"],
        signals=signals,
        priority=document["priority"],
        cancelled=document["cancelled"],
        test=document["test"],
        resource_ids=tuple(document["resource_ids"]),
    )


def _record(row: sqlite3.Row) -> EventRecord:
    event = None
    if row["document"] is not None:
        event = _event(row["event_id"], row["modification"], json.loads(row["document"]))
    return EventRecord(
        vtn_id=row["vtn_id"],
        event_id=row["event_id"],
        modification=row["modification"],
        change=row["change"],
        created_at=_moment(row["created_at"]),
        belief_time=_moment(row["belief_time"]),
        received_at=to_moment(row["received_at"]),
        event=event,
        opt=row["opt"],
        code=row["code"],
        reason=row["reason"],
        dropped=bool(row["dropped"]),
        request_id=row["request_id"],
        answer_due=bool(row["answer_due"]),
        responded_at=_moment(row["responded_at"]),
        sequence=row["sequence"],
    )
