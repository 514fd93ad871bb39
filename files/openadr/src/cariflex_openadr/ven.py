"""The VEN service: wires settings, store, poll loop, post queue and the status face."""

import asyncio
import logging
import sys
from dataclasses import dataclass, field

from aiohttp import web

from cariflex_openadr.agent import VenAgent
from cariflex_openadr.api.status import StatusApi
from cariflex_openadr.clients.flexmeasures import FlexMeasuresPoster, SensorPoster
from cariflex_openadr.clients.vtn import VtnClient
from cariflex_openadr.poster import PostQueue
from cariflex_openadr.runtime import Clock, set_up_logging, start_site, until_stopped, utc_now
from cariflex_openadr.settings import SettingsError, read_config
from cariflex_openadr.settings.ven import VenSettings, ven_settings
from cariflex_openadr.storage.ven import MemoryVenStore, VenStore

LOGGER = logging.getLogger(__name__)


@dataclass(slots=True)
class Ven:
    """A running VEN. ``status_port`` is the bound one once started."""

    settings: VenSettings
    poster: SensorPoster
    store: VenStore = field(default_factory=MemoryVenStore)
    clock: Clock = utc_now
    status_port: int = 0
    agent: VenAgent = field(init=False)
    _client: VtnClient = field(init=False)
    _runner: web.AppRunner | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.settings
        self._client = VtnClient(
            settings.vtn_url, settings.ven_name, settings.ven_id, settings.registration_id
        )
        self.agent = VenAgent(
            ven_id=settings.ven_id,
            client=self._client,
            store=self.store,
            queue=PostQueue(self.poster, self.clock),
            sensors=settings.sensors,
            poll_interval=settings.poll_interval,
            clock=self.clock,
        )

    async def start(self) -> None:
        """Listen, then poll and post in the background."""
        self._runner, self.status_port = await start_site(
            StatusApi(self.agent, self.clock).app, self.settings.status
        )
        self._tasks = [asyncio.create_task(self.agent.run()), asyncio.create_task(self.agent.queue.run())]
        LOGGER.info("VEN started", extra={"ven_id": self.settings.ven_id, "vtn_url": self.settings.vtn_url})

    async def ended(self) -> None:
        """Return when a background task has ended, which none should; raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Stop polling and posting, close connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        await self._client.close()
        await self.poster.close()


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
    """Entry point of the container."""
    try:
        settings = ven_settings(read_config())
    except SettingsError as error:
        sys.exit(f"configuration: {error}")
    set_up_logging(settings.log_level)
    asyncio.run(_run(settings))
