"""Events: every modification is kept; changes come one after another, however many processes make them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from cariflex_openadr.domain.model import Event
from cariflex_openadr.storage.channel import Channel
from cariflex_openadr.storage.database import Connection, Database
from cariflex_openadr.storage.mirror import Mirror
from cariflex_openadr.storage.rows import event_from_row, event_values

EVENTS_LOCK = 0x0AD0_0002
INSERT = """
INSERT INTO event (event_id, modification, created_at, market_context, priority, cancelled, test, ven_ids,
                   resource_ids, signals, starts_at, ends_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(slots=True)
class Editor:
    """Changes to events in one transaction that no other process's changes can cross."""

    connection: Connection
    channel: Channel
    written: list[Event] = field(default_factory=list)

    async def event(self, event_id: str) -> Event | None:
        """Newest modification, None when unknown."""
        query = "SELECT * FROM newest_event WHERE event_id = %s"
        row = await (await self.connection.execute(query, [event_id])).fetchone()
        return event_from_row(row) if row is not None else None

    async def in_context(self, market_context: str, start: datetime, end: datetime) -> list[Event]:
        """Newest modifications in a market context that share time with start..end."""
        cursor = await self.connection.execute(
            "SELECT * FROM newest_event WHERE market_context = %s AND starts_at < %s AND ends_at > %s "
            "AND event_id IN (SELECT event_id FROM event WHERE ends_at > %s)",
            [market_context, end, start, start],
        )
        return [event_from_row(row) for row in await cursor.fetchall()]

    async def put(self, event: Event) -> None:
        """Add a modification."""
        await self.connection.execute(INSERT, event_values(event))
        await self.channel.tell(self.connection, "event", event.event_id)
        self.written.append(event)


@dataclass(slots=True)
class EventStore:
    """Table ``event``."""

    database: Database
    mirror: Mirror
    channel: Channel

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[Editor]:
        """An editor; what it has written is in the mirror once it is committed."""
        async with self.database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [EVENTS_LOCK])
            editor = Editor(connection, self.channel)
            yield editor
        for event in editor.written:
            self.mirror.put_event(event)

    async def ending_after(self, connection: Connection, moment: datetime) -> list[Event]:
        """Newest modification of each event that ends after ``moment``."""
        cursor = await connection.execute("SELECT * FROM newest_event WHERE ends_at >= %s", [moment])
        return [event_from_row(row) for row in await cursor.fetchall()]

    async def refresh(self, event_id: str) -> None:
        """Take an event that another process has changed."""
        for row in await self.database.rows("SELECT * FROM newest_event WHERE event_id = %s", [event_id]):
            self.mirror.put_event(event_from_row(row))

    async def drop_ended_before(self, moment: datetime) -> None:
        """Delete events that ended before ``moment``, with deliveries and answers."""
        await self.database.change(
            "DELETE FROM event WHERE event_id IN "
            "(SELECT event_id FROM event GROUP BY event_id HAVING max(ends_at) < %s)",
            [moment],
        )
