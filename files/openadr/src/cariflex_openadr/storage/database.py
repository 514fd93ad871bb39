"""The VTN's PostgreSQL database: connections, and migrations that run once however many processes start.

Migrations are numbered SQL files: a handful of tables and no object mapper need no migration framework.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, LiteralString

from psycopg import AsyncConnection, Error
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from cariflex_openadr.settings.vtn import DatabaseSettings

MIGRATION_LOCK = 0x0AD0_0001
CONNECT_TIMEOUT_S = 5
# Shorter than callers wait, so that they hear the reason.
POOL_TIMEOUT_S = 3
POOL_SIZE = 4

Connection = AsyncConnection[DictRow]
DatabaseError = (Error, PoolTimeout)


class MigrationError(RuntimeError):
    """The database's schema is not one this program can use."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """All migrations, in order."""
    folder = files("cariflex_openadr.storage") / "migrations"
    found = [item for item in folder.iterdir() if item.name.endswith(".sql")]
    return sorted(
        (Migration(int(item.name[:4]), item.name, item.read_text(encoding="utf-8")) for item in found),
        key=lambda migration: migration.version,
    )


class Database:
    """A pool of connections; times come back in UTC."""

    def __init__(self, settings: DatabaseSettings) -> None:
        # With its certificate at hand, the server must show it and be called as it says.
        tls = {"sslmode": "verify-full", "sslrootcert": settings.ca_file} if settings.ca_file else {}
        self._conninfo = make_conninfo(
            host=settings.host,
            port=settings.port,
            dbname=settings.name,
            user=settings.user,
            password=settings.password,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="openadr-vtn",
            options="-c timezone=UTC -c statement_timeout=15s -c lock_timeout=10s",
            keepalives_idle=30,
            keepalives_interval=5,
            keepalives_count=3,
            **tls,
        )
        self._pool: AsyncConnectionPool[Connection] | None = None

    async def open(self) -> None:
        """Connect, migrate, make the pool. Raises psycopg errors while the server is down, MigrationError.

        Each call makes the pool anew: one that has lost its server waits longer from try to try, up to
        minutes, and would refuse orders and answers long after the server is back.
        """
        async with await self.connect() as connection:
            await migrate(connection)
        await self.close()
        pool = AsyncConnectionPool(
            self._conninfo,
            connection_class=AsyncConnection[DictRow],
            kwargs={"row_factory": dict_row, "autocommit": True},
            min_size=1,
            max_size=POOL_SIZE,
            timeout=POOL_TIMEOUT_S,
            # A server that was restarted leaves dead connections behind.
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        await pool.open(wait=True, timeout=CONNECT_TIMEOUT_S)
        self._pool = pool

    async def close(self) -> None:
        """Close the pool; a connection in use is closed when it comes back."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def connect(self) -> Connection:
        """A connection of one's own, in autocommit mode."""
        return await AsyncConnection.connect(self._conninfo, autocommit=True, row_factory=dict_row)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction: commits at the end, rolls back on an exception."""
        async with self._open_pool().connection() as connection, connection.transaction():
            yield connection

    async def rows(self, query: LiteralString, arguments: Any = ()) -> list[dict[str, Any]]:
        """The rows of one statement."""
        async with self._open_pool().connection() as connection:
            return await (await connection.execute(query, arguments)).fetchall()

    async def change(self, query: LiteralString, arguments: Any = ()) -> int:
        """How many rows one statement changed."""
        async with self._open_pool().connection() as connection:
            return (await connection.execute(query, arguments)).rowcount

    def _open_pool(self) -> AsyncConnectionPool[Connection]:
        if self._pool is None:
            raise PoolTimeout("database: not connected yet")
        return self._pool


async def migrate(connection: Connection) -> None:
    """Apply what is missing, one transaction a file. Raises MigrationError for a newer database."""
    known = migrations()
    await connection.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version "
            "(version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await (await connection.execute("SELECT version FROM schema_version")).fetchall()
        applied = {row["version"] for row in rows}
        newest = known[-1].version
        if applied and max(applied) > newest:
            raise MigrationError(
                f"database schema: version {max(applied)}; expected at most {newest}: run a newer VTN image"
            )
        for migration in known:
            if migration.version not in applied:
                async with connection.transaction():
                    # Bytes, because only literal texts pass as queries; this one is a file of the package.
                    await connection.execute(migration.sql.encode())
                    await connection.execute(
                        "INSERT INTO schema_version (version, name) VALUES (%s, %s)",
                        [migration.version, migration.name],
                    )
    finally:
        await connection.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
