"""The S2 service: wires settings, storage, sessions, control, telemetry, scheduling and the status face."""

import asyncio
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from cariflex_openadr.runtime import set_up_logging
from cariflex_openadr.settings.reading import Listen
from cariflex_s2.api.server import S2Server
from cariflex_s2.api.session import Session
from cariflex_s2.api.status import StatusApi
from cariflex_s2.clients.flexmeasures import FlexMeasuresServer, ScheduleServer
from cariflex_s2.controller import Controller
from cariflex_s2.forecasting import Forecaster
from cariflex_s2.metrics import Metrics
from cariflex_s2.promises import Promises
from cariflex_s2.scheduling import Scheduler
from cariflex_s2.settings import Settings, read_settings
from cariflex_s2.storage.ledger import Ledger, LedgerError
from cariflex_s2.storage.ven_file import VenFile
from cariflex_s2.telemetry import Telemetry
from cariflex_service.reading import SettingsError
from cariflex_service.runtime import until_stopped, utc_now

LOGGER = logging.getLogger(__name__)
FLUSH_EVERY_S = 1.0
TIDY_EVERY = timedelta(hours=1)


@dataclass(slots=True)
class Hub:
    """Passes on what sessions learn."""

    controller: Controller
    telemetry: Telemetry

    def device_changed(self, session: Session) -> None:
        self.controller.device_changed(session)

    def filled(self, session: Session, fill_level_kwh: float, at: datetime) -> None:
        self.telemetry.filled(session.resource, fill_level_kwh, at)

    def measured(self, session: Session, power_w: float, at: datetime) -> None:
        self.telemetry.measured(session.resource, power_w, at)

    def instruction_answered(self, session: Session, instruction_id: str, status: str, reason: str) -> None:
        self.controller.instruction_answered(session, instruction_id, status, reason)


@dataclass(slots=True)
class Service:
    """A running CEM. ``port`` and ``status_port`` are the bound ones once started."""

    settings: Settings
    clock: Callable[[], datetime] = utc_now
    schedule_server: ScheduleServer | None = None
    port: int = 0
    status_port: int = 0
    metrics: Metrics = field(default_factory=Metrics)
    controller: Controller = field(init=False)
    server: S2Server = field(init=False)
    telemetry: Telemetry = field(init=False)
    promises: Promises = field(init=False)
    scheduler: Scheduler | None = field(init=False)
    forecaster: Forecaster | None = field(init=False)
    _runners: list[web.AppRunner] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings, clock, metrics = self.settings, self.clock, self.metrics
        ven_file = VenFile(settings.ven_database, clock)
        self.controller = Controller(settings.resources, Ledger(settings.ledger), metrics, clock)
        self.telemetry = Telemetry(settings.resources, ven_file, settings.fill_level_interval, metrics, clock)
        self.server = S2Server(
            settings.resources, settings.tokens, Hub(self.controller, self.telemetry), clock
        )
        self.controller.sessions, self.controller.drop = self.server.sessions, self.server.drop
        self.promises = Promises(ven_file, self.controller, metrics)
        self.scheduler = self.forecaster = None
        if settings.scheduling is not None:
            flexmeasures = self.schedule_server or FlexMeasuresServer(settings.scheduling.flexmeasures)
            self.schedule_server = flexmeasures
            self.scheduler = Scheduler(settings.scheduling, flexmeasures, self.controller, metrics, clock)
            if settings.scheduling.forecasts is not None:
                self.forecaster = Forecaster(settings.scheduling.forecasts, flexmeasures, metrics, clock)

    async def start(self) -> None:
        """Read what is promised, then listen: the first device to connect is told the right thing at once."""
        self.promises.read()
        status = StatusApi(
            server=self.server,
            controller=self.controller,
            promises=self.promises,
            metrics=self.metrics,
            clock=self.clock,
            scheduler=self.scheduler,
            forecaster=self.forecaster,
        )
        self.status_port = await self._listen(status.app, self.settings.status)
        self.port = await self._listen(self.server.app, self.settings.listen)
        loops = [self.controller.run(), self.promises.run(), self._flush()]
        if self.scheduler is not None:
            loops.append(self.scheduler.run())
        if self.forecaster is not None:
            loops.append(self.forecaster.run())
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        LOGGER.info(
            "S2 service started", extra={"port": self.port, "resources": len(self.settings.resources)}
        )

    async def _listen(self, app: web.Application, listen: Listen) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await runner.setup()
        await web.TCPSite(runner, listen.host, listen.port, backlog=1024).start()
        self._runners.append(runner)
        return int(runner.addresses[0][1])

    async def _flush(self) -> None:
        tidied = self.clock()
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            self.telemetry.flush()
            if self.clock() - tidied >= TIDY_EVERY:
                tidied = self.clock()
                self.controller.forget_old()

    async def ended(self) -> None:
        """Return when a background task has ended, which none should; raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Say goodbye, hand over what was measured, close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.server.goodbye()
        self.telemetry.flush()
        for runner in self._runners:
            await runner.cleanup()
        if self.schedule_server is not None:
            await self.schedule_server.close()
        self.controller.ledger.close()
        self.telemetry.ven_file.close()


async def _run(settings: Settings) -> None:
    service = Service(settings)
    await service.start()
    stopped, ended = asyncio.create_task(until_stopped()), asyncio.create_task(service.ended())
    # A background task that ends is a defect: leave, so that the supervisor starts anew rather than stay
    # deaf.
    await asyncio.wait([stopped, ended], return_when=asyncio.FIRST_COMPLETED)
    await service.stop()
    stopped.cancel()
    if ended.done() and not ended.cancelled() and (error := ended.exception()) is not None:
        raise error
    LOGGER.info("S2 service stopped")


def main() -> None:
    """Entry point of the process."""
    try:
        settings = read_settings()
    except SettingsError as error:
        sys.exit(f"configuration: {error}")
    set_up_logging(settings.log_level)
    logging.getLogger("s2python").setLevel(logging.WARNING)
    try:
        asyncio.run(_run(settings))
    except LedgerError as error:
        sys.exit(f"ledger: {error}")
