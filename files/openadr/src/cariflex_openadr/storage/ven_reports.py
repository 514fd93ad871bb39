"""Reports that a VTN has asked the VEN for, and how far each has been sent."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from cariflex_openadr.storage.ven_database import to_moment, to_text


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A value every ``granularity``, a message every ``back``; ``sent_until`` ends what the VTN has."""

    report_request_id: str
    specifier_id: str
    r_ids: tuple[str, ...]
    granularity: timedelta
    back: timedelta
    sent_until: datetime
    ends_at: datetime | None = None


class ReportRequests:
    """The table ``report_request``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, request: ReportRequest) -> None:
        """Keep a request. One that is known already keeps its progress, and takes the figures told last."""
        self._connection.execute(
            """
            INSERT INTO report_request (report_request_id, specifier_id, r_ids, granularity_s, back_s,
                                        sent_until, ends_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (report_request_id) DO UPDATE SET r_ids = excluded.r_ids,
                granularity_s = excluded.granularity_s, back_s = excluded.back_s, ends_at = excluded.ends_at
            """,
            (
                request.report_request_id,
                request.specifier_id,
                json.dumps(list(request.r_ids)),
                int(request.granularity.total_seconds()),
                int(request.back.total_seconds()),
                to_text(request.sent_until),
                None if request.ends_at is None else to_text(request.ends_at),
            ),
        )

    def all(self) -> list[ReportRequest]:
        """Every request, by id."""
        rows = self._connection.execute("SELECT * FROM report_request ORDER BY report_request_id")
        return [
            ReportRequest(
                report_request_id=row["report_request_id"],
                specifier_id=row["specifier_id"],
                r_ids=tuple(json.loads(row["r_ids"])),
                granularity=timedelta(seconds=row["granularity_s"]),
                back=timedelta(seconds=row["back_s"]),
                sent_until=to_moment(row["sent_until"]),
                ends_at=to_moment(row["ends_at"]) if row["ends_at"] else None,
            )
            for row in rows
        ]

    def advance(self, report_request_id: str, sent_until: datetime) -> None:
        """The VTN has everything up to ``sent_until``."""
        self._connection.execute(
            "UPDATE report_request SET sent_until = ? WHERE report_request_id = ?",
            (to_text(sent_until), report_request_id),
        )

    def remove(self, report_request_id: str) -> None:
        """The VTN wants it no longer."""
        self._connection.execute(
            "DELETE FROM report_request WHERE report_request_id = ?", (report_request_id,)
        )
