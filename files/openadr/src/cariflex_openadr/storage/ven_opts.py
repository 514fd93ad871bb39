"""Times and events that the VEN's operator has opted out of (or back in to), and whether the VTN knows."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from cariflex_openadr.storage.ven_database import to_moment, to_text

PENDING, SENT, CANCELLING, CANCELLED, REFUSED = "pending", "sent", "cancelling", "cancelled", "refused"


@dataclass(frozen=True, slots=True)
class Opt:
    """An opt schedule (``start`` to ``end``, one ``market_context`` or all) or the opt for one event."""

    opt_id: str
    opt_type: str
    reason: str
    created_at: datetime
    market_context: str = ""
    event_id: str = ""
    modification: int = 0
    start: datetime | None = None
    end: datetime | None = None
    state: str = PENDING
    error: str = ""


class OptBook:
    """The table ``opt``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, opt: Opt) -> None:
        """Keep an opt, in place of an earlier state of it."""
        self._connection.execute(
            """
            INSERT OR REPLACE INTO opt (opt_id, opt_type, reason, market_context, event_id, modification,
                                        start, "end", created_at, state, error)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                opt.opt_id,
                opt.opt_type,
                opt.reason,
                opt.market_context,
                opt.event_id,
                opt.modification,
                None if opt.start is None else to_text(opt.start),
                None if opt.end is None else to_text(opt.end),
                to_text(opt.created_at),
                opt.state,
                opt.error,
            ),
        )

    def all(self) -> list[Opt]:
        """Every opt, oldest first."""
        rows = self._connection.execute("SELECT * FROM opt ORDER BY created_at, opt_id")
        return [
            Opt(
                opt_id=row["opt_id"],
                opt_type=row["opt_type"],
                reason=row["reason"],
                created_at=to_moment(row["created_at"]),
                market_context=row["market_context"],
                event_id=row["event_id"],
                modification=row["modification"],
                start=to_moment(row["start"]) if row["start"] else None,
                end=to_moment(row["end"]) if row["end"] else None,
                state=row["state"],
                error=row["error"],
            )
            for row in rows
        ]

    def drop_ended_before(self, moment: datetime) -> None:
        """Forget schedules that ended, and opts for events made, before ``moment``."""
        self._connection.execute('DELETE FROM opt WHERE COALESCE("end", created_at) < ?', (to_text(moment),))
