"""The VEN service: wires settings, database, poll loop, outbox sender and the status face."""

import asyncio
import logging
import sqlite3
import sys
from dataclasses import dataclass, field

from aiohttp import web

from cariflex_openadr.agent import VenAgent
from cariflex_openadr.api.status import StatusApi
from cariflex_openadr.clients.flexmeasures import FlexMeasuresPoster, SensorPoster
from cariflex_openadr.clients.vtn import VtnClient
from cariflex_openadr.inbox import Inbox
from cariflex_openadr.metrics import VenMetrics
from cariflex_openadr.opts import Opts
from cariflex_openadr.poster import OutboxSender
from cariflex_openadr.reporter import Reporter
from cariflex_openadr.runtime import set_up_logging
from cariflex_openadr.security.envelopes import client_tls, envelope_of
from cariflex_openadr.settings import read_config
from cariflex_openadr.settings.ven import VenSettings, ven_settings
from cariflex_openadr.storage.usage import Usage
from cariflex_openadr.storage.ven_database import VenDatabaseError, open_ven_database
from cariflex_openadr.storage.ven_events import VenState
from cariflex_openadr.storage.ven_opts import OptBook
from cariflex_openadr.storage.ven_reports import ReportRequests
from cariflex_service.reading import SettingsError
from cariflex_service.runtime import Clock, start_site, until_stopped, utc_now

LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class Ven:
    """A running VEN. ``status_port`` is the bound one once started. Raises VenDatabaseError when made."""

    settings: VenSettings
    poster: SensorPoster
    clock: Clock = utc_now
    status_port: int = 0
    agent: VenAgent = field(init=False)
    sender: OutboxSender = field(init=False)
    _database: sqlite3.Connection = field(init=False)
    _client: VtnClient = field(init=False)
    _opts: Opts = field(init=False)
    _runner: web.AppRunner | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings, clock, metrics = self.settings, self.clock, VenMetrics()
        self._database = open_ven_database(settings.database)
        self._opts = Opts(OptBook(self._database), clock)
        inbox = Inbox(
            self._database,
            settings.sensors,
            settings.flexmeasures.own_poster,
            clock,
            self._opts.opted_out,
            metrics,
        )
        self._client = VtnClient(
            settings.vtn_url,
            settings.ven_name,
            settings.ven_id,
            tls=client_tls(settings.tls),
            envelope=envelope_of(settings.signing, clock),
        )
        self.agent = VenAgent(
            ven_id=settings.ven_id,
            client=self._client,
            inbox=inbox,
            state=VenState(self._database),
            reporter=Reporter(
                ReportRequests(self._database), Usage(self._database), settings.resources, metrics, clock
            ),
            opts=self._opts,
            configured_interval=settings.poll_interval,
            registration_id=settings.registration_id,
            resources=settings.resources,
            metrics=metrics,
            clock=clock,
        )
        self.sender = OutboxSender(inbox.outbox, self.poster, metrics, clock)

    async def start(self) -> None:
        """Listen, then poll and post in the background."""
        api = StatusApi(self.agent, self.sender.outbox, self._opts, self.clock)
        self._runner, self.status_port = await start_site(api.app, self.settings.status)
        self._tasks = [asyncio.create_task(self.agent.run()), asyncio.create_task(self.sender.run())]
        LOGGER.info("VEN started", extra={"ven_id": self.settings.ven_id, "vtn_url": self.settings.vtn_url})

    async def ended(self) -> None:
        """Return when a background task has ended, which none should; raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Stop polling and posting, close connections and database. What was not sent waits on disk."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        await self._client.close()
        await self.poster.close()
        self._database.close()


async def _run(settings: VenSettings) -> None:
    ven = Ven(settings, FlexMeasuresPoster(settings.flexmeasures))
    await ven.start()
    stopped, ended = asyncio.create_task(until_stopped()), asyncio.create_task(ven.ended())
    # A background task that ends is a defect: leave, so that the container is restarted rather than deaf.
    await asyncio.wait([stopped, ended], return_when=asyncio.FIRST_COMPLETED)
    await ven.stop()
    stopped.cancel()
    if ended.done() and not ended.cancelled() and (error := ended.exception()) is not None:
        raise error
    LOGGER.info("VEN stopped")


def main() -> None:
    """Entry point of the VEN's process."""
    try:
        settings = ven_settings(read_config())
    except SettingsError as error:
        sys.exit(f"configuration: {error}")
    set_up_logging(settings.log_level)
    try:
        asyncio.run(_run(settings))
    except SettingsError as error:
        sys.exit(f"configuration: {error}")
    except VenDatabaseError as error:
        sys.exit(f"database: {error}")
