"""The VTN service: wires settings, store, publisher and both HTTP faces, and publishes the program."""

import asyncio
import logging
import sys
from dataclasses import dataclass, field

from aiohttp import web

from cariflex_openadr.api.openadr import OpenAdrApi
from cariflex_openadr.api.operator import OperatorApi
from cariflex_openadr.domain.program import next_midnight
from cariflex_openadr.publisher import Publisher
from cariflex_openadr.runtime import Clock, set_up_logging, start_site, until_stopped, utc_now
from cariflex_openadr.settings import SettingsError, read_config
from cariflex_openadr.settings.vtn import VtnSettings, vtn_settings
from cariflex_openadr.storage.vtn import MemoryVtnStore, VtnStore

LOGGER = logging.getLogger(__name__)
# Short steps: the host's clock may be corrected meanwhile, and a window's next day follows its end.
LONGEST_SLEEP_S = 60.0


@dataclass(slots=True)
class Vtn:
    """A running VTN. Ports are the bound ones once started."""

    settings: VtnSettings
    store: VtnStore = field(default_factory=MemoryVtnStore)
    clock: Clock = utc_now
    openadr_port: int = 0
    operator_port: int = 0
    publisher: Publisher = field(init=False)
    _runners: list[web.AppRunner] = field(default_factory=list)
    _midnight: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.publisher = Publisher(self.settings.program, self.store, self.clock)

    async def start(self) -> None:
        """Publish the program, then listen."""
        self.publisher.publish_program()
        self._midnight = asyncio.create_task(self._publish_daily())
        openadr = OpenAdrApi(self.settings, self.publisher, self.store, self.clock)
        operator = OperatorApi(self.publisher, self.store, self.settings.vens, self._problems, self.clock)
        runner, self.openadr_port = await start_site(openadr.app, self.settings.openadr)
        self._runners.append(runner)
        runner, self.operator_port = await start_site(operator.app, self.settings.operator)
        self._runners.append(runner)
        LOGGER.info("VTN started", extra={"port": self.openadr_port, "vtn_id": self.settings.vtn_id})

    async def stop(self) -> None:
        """Stop listening and publishing."""
        if self._midnight is not None:
            self._midnight.cancel()
        for runner in self._runners:
            await runner.cleanup()

    def _problems(self) -> list[str]:
        if self._midnight is None or self._midnight.done():
            return ["publisher: its task has ended; expected it to run"]
        return []

    async def _publish_daily(self) -> None:
        while True:
            now = self.clock()
            left_s = (next_midnight(now, self.settings.program.timezone) - now).total_seconds()
            await asyncio.sleep(min(left_s, LONGEST_SLEEP_S))
            self.publisher.publish_program()


async def _run(settings: VtnSettings) -> None:
    vtn = Vtn(settings)
    await vtn.start()
    await until_stopped()
    await vtn.stop()
    LOGGER.info("VTN stopped")


def main() -> None:
    """Entry point of the container."""
    try:
        settings = vtn_settings(read_config())
    except SettingsError as error:
        sys.exit(f"configuration: {error}")
    set_up_logging(settings.log_level)
    asyncio.run(_run(settings))
