"""The VEN's own SQLite file, where the VEN and the S2 service meet: connections, transactions, migrations.

WAL lets both processes read while one writes. ``synchronous=FULL`` makes a commit outlive a power cut: an
event is answered, and a post handed over, only after its commit.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

BUSY_TIMEOUT_S = 10.0

# One script a version, applied in order and never edited later; PRAGMA user_version counts those applied.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE event (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        vtn_id TEXT NOT NULL,
        event_id TEXT NOT NULL,
        modification INTEGER NOT NULL,
        change INTEGER NOT NULL,
        created_at TEXT,
        belief_time TEXT,
        received_at TEXT NOT NULL,
        ends_at TEXT NOT NULL,
        document TEXT,
        opt TEXT NOT NULL,
        code INTEGER NOT NULL,
        reason TEXT NOT NULL,
        dropped INTEGER NOT NULL,
        request_id TEXT NOT NULL,
        answer_due INTEGER NOT NULL,
        responded_at TEXT,
        UNIQUE (event_id, modification, change)
    ) STRICT;
    CREATE INDEX event_newest ON event (vtn_id, event_id, sequence);

    CREATE TABLE state (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT;

    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        sensor_id INTEGER NOT NULL,
        start TEXT NOT NULL,
        "end" TEXT NOT NULL,
        event_id TEXT NOT NULL,
        modification INTEGER NOT NULL,
        change INTEGER NOT NULL DEFAULT 0,
        unit TEXT NOT NULL,
        resolution_s INTEGER NOT NULL,
        "values" TEXT NOT NULL,
        belief_time TEXT NOT NULL,
        poster TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'dead')),
        attempts INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        next_attempt TEXT NOT NULL,
        sent_at TEXT,
        error TEXT NOT NULL DEFAULT '',
        UNIQUE (sensor_id, start, event_id, modification, change)
    ) STRICT;
    CREATE INDEX outbox_due ON outbox (state, next_attempt);
    CREATE INDEX outbox_sensor ON outbox (sensor_id, state, id);
    CREATE INDEX outbox_belief ON outbox (event_id, belief_time);

    CREATE TABLE intent (
        revision INTEGER PRIMARY KEY AUTOINCREMENT,
        vtn_id TEXT NOT NULL,
        event_id TEXT NOT NULL,
        modification INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('load_control', 'demand_response')),
        signal_type TEXT NOT NULL,
        priority INTEGER NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('active', 'cancelled')),
        start TEXT NOT NULL,
        "end" TEXT NOT NULL,
        intervals TEXT NOT NULL,
        targets TEXT NOT NULL,
        test INTEGER NOT NULL,
        UNIQUE (vtn_id, event_id)
    ) STRICT;

    CREATE TABLE opt (
        opt_id TEXT PRIMARY KEY,
        opt_type TEXT NOT NULL CHECK (opt_type IN ('optIn', 'optOut')),
        reason TEXT NOT NULL,
        market_context TEXT NOT NULL,
        event_id TEXT NOT NULL,
        modification INTEGER NOT NULL,
        start TEXT,
        "end" TEXT,
        created_at TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'cancelling', 'cancelled', 'refused')),
        error TEXT NOT NULL DEFAULT ''
    ) STRICT;

    CREATE TABLE report_request (
        report_request_id TEXT PRIMARY KEY,
        specifier_id TEXT NOT NULL,
        r_ids TEXT NOT NULL,
        granularity_s INTEGER NOT NULL,
        back_s INTEGER NOT NULL,
        sent_until TEXT NOT NULL,
        ends_at TEXT
    ) STRICT;
    """,
)


class VenDatabaseError(RuntimeError):
    """The file cannot be used; the message names it, what was found and what was expected."""


def open_ven_database(path: Path | str) -> sqlite3.Connection:
    """Open the VEN's database, made or migrated first where needed. Each process or thread opens its own.

    The connection is in autocommit mode: use ``transaction`` for what belongs together.

    Raises:
        VenDatabaseError: the file cannot be opened, is no database, or comes from a newer release.
    """
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _migrate(connection, path)
    except sqlite3.Error as error:
        raise VenDatabaseError(f"{path}: {error}; expected a writable SQLite database") from error
    return connection


def _migrate(connection: sqlite3.Connection, path: Path | str) -> None:
    with transaction(connection):
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            raise VenDatabaseError(
                f"{path}: schema version {version}; expected at most {len(MIGRATIONS)}: a newer "
                "release wrote it, deploy that release or restore a backup"
            )
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            # executescript would commit first, and a killed migration must leave nothing behind.
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; inside another transaction of the same connection it is part of that one."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def to_text(moment: datetime) -> str:
    """A moment as the database keeps it: ISO 8601 in UTC, of one length, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def to_moment(text: str) -> datetime:
    """The aware moment of a stored text."""
    return datetime.fromisoformat(text)
