"""The CEM's own SQLite file: every instruction given, and the last good schedule of each resource.

It makes a restart harmless: the same cause and setpoint give the same instruction again, never a new
revision.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cariflex_s2.domain.model import Cause
from cariflex_s2.domain.schedule import Schedule

BUSY_TIMEOUT_S = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS instruction (
    id TEXT PRIMARY KEY,
    resource_id TEXT NOT NULL,
    event TEXT NOT NULL,
    modification TEXT NOT NULL,
    interval TEXT NOT NULL,
    revision INTEGER NOT NULL,
    mode_id TEXT NOT NULL,
    factor REAL NOT NULL,
    power_w REAL NOT NULL,
    created_at TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    UNIQUE (resource_id, event, modification, interval, revision)
) STRICT;
CREATE INDEX IF NOT EXISTS instruction_newest ON instruction (resource_id, created_at);
CREATE TABLE IF NOT EXISTS schedule (
    resource_id TEXT PRIMARY KEY,
    start TEXT NOT NULL,
    resolution_s INTEGER NOT NULL,
    powers_w TEXT NOT NULL,
    read_at TEXT NOT NULL
) STRICT;
"""


class LedgerError(RuntimeError):
    """The file cannot be used; the message names it and what was expected."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction as it was given. ``status`` is NEW, DELIVERED, REFUSED or an InstructionStatus of S2."""

    instruction_id: str
    resource_id: str
    cause: Cause
    revision: int
    mode_id: str
    factor: float
    power_w: float
    created_at: datetime
    status: str = "NEW"
    reason: str = ""


class Ledger:
    """One connection; all calls from one thread."""

    def __init__(self, path: Path | str) -> None:
        try:
            self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may lose the last instructions: they are then given again, with the same ids.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}; expected a writable SQLite database") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add(self, instructions: Iterable[Instruction]) -> None:
        """Keep new instructions, all of them or none."""
        rows = [
            (
                item.instruction_id,
                item.resource_id,
                item.cause.event,
                item.cause.modification,
                _text(item.cause.interval),
                item.revision,
                item.mode_id,
                item.factor,
                item.power_w,
                _text(item.created_at),
                item.status,
            )
            for item in instructions
        ]
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT INTO instruction (id, resource_id, event, modification, interval, revision, mode_id,"
                " factor, power_w, created_at, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def mark(self, marks: Iterable[tuple[str, str, str]]) -> None:
        """Keep (status, reason, instruction id) for instructions that were answered."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "UPDATE instruction SET status = ?, reason = ? WHERE id = ?", list(marks)
            )

    def newest(self) -> dict[str, Instruction]:
        """The last instruction of each resource."""
        rows = self._connection.execute(
            "SELECT * FROM instruction WHERE rowid IN"
            " (SELECT MAX(rowid) FROM instruction GROUP BY resource_id)"
        )
        return {row["resource_id"]: _instruction(row) for row in rows}

    def last_of(self, resource_id: str, cause: Cause) -> Instruction | None:
        """The highest revision given for a cause."""
        row = self._connection.execute(
            "SELECT * FROM instruction WHERE resource_id = ? AND event = ? AND modification = ?"
            " AND interval = ? ORDER BY revision DESC LIMIT 1",
            (resource_id, cause.event, cause.modification, _text(cause.interval)),
        ).fetchone()
        return _instruction(row) if row is not None else None

    def recent(self, resource_id: str | None = None, limit: int = 100) -> list[Instruction]:
        """Instructions, newest first."""
        rows = self._connection.execute(
            "SELECT * FROM instruction WHERE ? IS NULL OR resource_id = ? ORDER BY rowid DESC LIMIT ?",
            (resource_id, resource_id, limit),
        )
        return [_instruction(row) for row in rows]

    def drop_before(self, moment: datetime) -> None:
        """Forget instructions older than ``moment``, but the last of each resource."""
        self._connection.execute(
            "DELETE FROM instruction WHERE created_at < ? AND rowid NOT IN"
            " (SELECT MAX(rowid) FROM instruction GROUP BY resource_id)",
            (_text(moment),),
        )

    def keep_schedule(self, resource_id: str, schedule: Schedule) -> None:
        """Keep the last good schedule of a resource."""
        self._connection.execute(
            "INSERT OR REPLACE INTO schedule VALUES (?, ?, ?, ?, ?)",
            (
                resource_id,
                _text(schedule.start),
                int(schedule.resolution.total_seconds()),
                json.dumps(schedule.powers_w),
                _text(schedule.read_at),
            ),
        )

    def schedules(self) -> dict[str, Schedule]:
        """The last good schedules."""
        rows = self._connection.execute("SELECT * FROM schedule")
        return {
            row["resource_id"]: Schedule(
                start=datetime.fromisoformat(row["start"]),
                resolution=timedelta(seconds=row["resolution_s"]),
                powers_w=tuple(json.loads(row["powers_w"])),
                read_at=datetime.fromisoformat(row["read_at"]),
            )
            for row in rows
        }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _instruction(row: sqlite3.Row) -> Instruction:
    cause = Cause(row["event"], row["modification"], datetime.fromisoformat(row["interval"]))
    return Instruction(
        instruction_id=row["id"],
        resource_id=row["resource_id"],
        cause=cause,
        revision=row["revision"],
        mode_id=row["mode_id"],
        factor=row["factor"],
        power_w=row["power_w"],
        created_at=datetime.fromisoformat(row["created_at"]),
        status=row["status"],
        reason=row["reason"],
    )
