"""The VTN's store: PostgreSQL holds everything, each process mirrors what every poll needs."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.settings.vtn import DatabaseSettings
from cariflex_openadr.storage.answers import AnswerStore
from cariflex_openadr.storage.channel import CHANNEL, Channel
from cariflex_openadr.storage.database import Connection, Database, DatabaseError
from cariflex_openadr.storage.events import EventStore
from cariflex_openadr.storage.mirror import Mirror
from cariflex_openadr.storage.parties import PartyStore
from cariflex_openadr.storage.programs import ProgramStore
from cariflex_openadr.storage.reports import ReportStore
from cariflex_service.runtime import Clock, utc_now

LOGGER = logging.getLogger(__name__)
# Ended events that a process still knows without a query.
KEEP_ENDED = timedelta(days=2)
RETRY_S = 1.0
# Every so often the connection is asked whether it lives; a busy server may take its time to answer.
HEARTBEAT_S, ANSWER_S = 5.0, 15.0
FLUSH_S = 2.0


class VtnStore:
    """All tables, and the tasks that keep the mirror true.

    While ``ready`` is unset the mirror may be behind the database: nobody is to be served from it.
    """

    def __init__(
        self, settings: DatabaseSettings, configured: Sequence[VenRecord], clock: Clock = utc_now
    ) -> None:
        self.database, self.mirror = Database(settings), Mirror()
        channel = Channel()
        self._channel, self._configured, self._clock = channel, configured, clock
        self.events = EventStore(self.database, self.mirror, channel)
        self.parties = PartyStore(self.database, self.mirror, channel)
        self.answers = AnswerStore(self.database, self.mirror, channel)
        self.reports = ReportStore(self.database, self.mirror, channel)
        self.programs = ProgramStore(self.database)
        self.ready = asyncio.Event()
        self.problem = "database: not connected yet"

    async def run(self) -> None:
        """Follow the database until cancelled: connect, load, listen; again after every failure."""
        while True:
            try:
                await self.database.open()
                async with await self.database.connect() as connection:
                    await self._follow(connection)
            except (*DatabaseError, TimeoutError, OSError) as error:
                self.problem = f"database: {str(error).strip() or type(error).__name__}"
                if self.ready.is_set():
                    LOGGER.warning("database lost", extra={"reason": self.problem})
            finally:
                self.ready.clear()
            await asyncio.sleep(RETRY_S)

    async def _follow(self, connection: Connection) -> None:
        # Listen first: what changes while we load arrives as a note.
        await connection.execute(f"LISTEN {CHANNEL}".encode())
        await self.parties.seed(connection, self._configured, self._clock())
        await self._load(connection)
        self.problem = ""
        self.ready.set()
        LOGGER.info("database followed", extra={"events": len(self.mirror.events())})
        while True:
            async for note in connection.notifies(timeout=HEARTBEAT_S):
                await self._take(note.payload)
            async with asyncio.timeout(ANSWER_S):
                await connection.execute("SELECT 1")

    async def _load(self, connection: Connection) -> None:
        since = self._clock() - KEEP_ENDED
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            events = await self.events.ending_after(connection, since)
            vens = await self.parties.all(connection)
            answers = await self.answers.since(connection, since)
            untold = await self.reports.untold(connection)
        self.mirror.load(events, vens, answers, untold)

    async def _take(self, payload: str) -> None:
        for note in self._channel.read(payload):
            if note.topic == "event":
                await self.events.refresh(note.content)
            elif note.topic == "ven":
                await self.parties.refresh(note.content)
            elif note.topic == "report":
                await self.reports.refresh(note.content)
            elif note.topic == "opt":
                ven_id, keys = note.content
                self.mirror.put_answers(ven_id, [(event_id, number) for event_id, number in keys])

    async def flush_for_ever(self) -> None:
        """Write polls and deliveries every few seconds; a poll must not wait for a disk."""
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except DatabaseError as error:
                LOGGER.warning("polls not written", extra={"reason": str(error).strip()})

    async def flush(self) -> None:
        """Write what is noted."""
        await self.parties.flush()
        await self.answers.flush()
