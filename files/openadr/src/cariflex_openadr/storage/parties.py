"""VENs: who they are, whether they are registered, when they polled last."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.errors import UniqueViolation

from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.storage.channel import Channel
from cariflex_openadr.storage.database import Connection, Database
from cariflex_openadr.storage.mirror import Mirror


class VenConflictError(ValueError):
    """A VEN of this id, name or certificate exists."""


def ven_from_row(row: dict[str, Any]) -> VenRecord:
    """The VEN in a row of table ``ven``."""
    return VenRecord(
        ven_id=row["ven_id"],
        ven_name=row["ven_name"],
        registration_id=row["registration_id"],
        fingerprint=row["fingerprint"] or "",
        registered=row["registered"],
        revoked=row["revoked_at"] is not None,
        origin=row["origin"],
    )


@dataclass(slots=True)
class PartyStore:
    """Tables ``ven`` and ``ven_contact``."""

    database: Database
    mirror: Mirror
    channel: Channel
    _polls: dict[str, datetime] = field(default_factory=dict)

    async def seed(self, connection: Connection, configured: Iterable[VenRecord], now: datetime) -> None:
        """Bring the VENs of the configuration into the database; those no longer in it are revoked.

        A revocation by an operator stays: only ``vtnctl ven add`` ends it.
        """
        vens = list(configured)
        async with connection.transaction():
            for ven in vens:
                await connection.execute(
                    "INSERT INTO ven (ven_id, ven_name, registration_id, origin) "
                    "VALUES (%s, %s, %s, 'config') ON CONFLICT (ven_id) DO UPDATE "
                    "SET ven_name = excluded.ven_name, registration_id = excluded.registration_id",
                    [ven.ven_id, ven.ven_name, ven.registration_id],
                )
            await connection.execute(
                "UPDATE ven SET revoked_at = %s "
                "WHERE origin = 'config' AND revoked_at IS NULL AND ven_id <> ALL(%s)",
                [now, [ven.ven_id for ven in vens]],
            )

    async def add(self, ven: VenRecord) -> None:
        """Add a VEN, or give a known one a new certificate and end its revocation.

        Raises VenConflictError when the name or certificate is another VEN's.
        """
        await self._change(
            ven.ven_id,
            "INSERT INTO ven (ven_id, ven_name, registration_id, fingerprint, origin) "
            "VALUES (%s, %s, %s, %s, 'operator') ON CONFLICT (ven_id) DO UPDATE "
            "SET ven_name = excluded.ven_name, fingerprint = excluded.fingerprint, revoked_at = NULL "
            "RETURNING *",
            [ven.ven_id, ven.ven_name, ven.registration_id, ven.fingerprint or None],
        )

    async def revoke(self, ven_id: str, now: datetime) -> bool:
        """End a VEN's access for good; False when it is unknown."""
        query = (
            "UPDATE ven SET revoked_at = coalesce(revoked_at, %s), registered = false "
            "WHERE ven_id = %s RETURNING *"
        )
        return await self._change(ven_id, query, [now, ven_id])

    async def set_registered(self, ven_id: str, registered: bool) -> None:
        """Note a registration or its cancellation."""
        query = "UPDATE ven SET registered = %s WHERE ven_id = %s RETURNING *"
        await self._change(ven_id, query, [registered, ven_id])

    async def _change(self, ven_id: str, query: str, arguments: list[Any]) -> bool:
        try:
            async with self.database.transaction() as connection:
                row = await (await connection.execute(query.encode(), arguments)).fetchone()
                await self.channel.tell(connection, "ven", ven_id)
        except UniqueViolation as error:
            raise VenConflictError(
                f"ven {ven_id}: {error.diag.constraint_name} is another VEN's; expected a name, registration "
                "and certificate of its own"
            ) from error
        if row is not None:
            self.mirror.put_ven(ven_from_row(row))
        return row is not None

    async def refresh(self, ven_id: str) -> None:
        """Take a VEN that another process has changed."""
        for row in await self.database.rows("SELECT * FROM ven WHERE ven_id = %s", [ven_id]):
            self.mirror.put_ven(ven_from_row(row))

    async def all(self, connection: Connection) -> list[VenRecord]:
        """Every VEN."""
        rows = await (await connection.execute("SELECT * FROM ven")).fetchall()
        return [ven_from_row(row) for row in rows]

    async def poll_ages(self, now: datetime) -> list[tuple[str, float]]:
        """Seconds since each VEN's last poll, whichever process took it."""
        rows = await self.database.rows("SELECT ven_id, last_poll FROM ven_contact ORDER BY ven_id")
        newest = {row["ven_id"]: row["last_poll"] for row in rows} | self._polls
        return [(ven_id, (now - polled).total_seconds()) for ven_id, polled in newest.items()]

    def polled(self, ven_id: str, at: datetime) -> None:
        """Note a poll; written with the next flush."""
        self._polls[ven_id] = at

    async def flush(self) -> None:
        """Write the polls noted since the last flush."""
        polls, self._polls = self._polls, {}
        if not polls:
            return
        try:
            await self.database.change(
                "INSERT INTO ven_contact (ven_id, last_poll) "
                "SELECT * FROM unnest(%s::text[], %s::timestamptz[]) "
                "ON CONFLICT (ven_id) DO UPDATE "
                "SET last_poll = greatest(ven_contact.last_poll, excluded.last_poll)",
                [list(polls), list(polls.values())],
            )
        except BaseException:
            self._polls = polls | self._polls
            raise
