"""The VTN service: wires settings, store, publisher and its HTTP faces, and publishes the program."""

import asyncio
import contextlib
import logging
import ssl
import sys
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from cariflex_openadr.api.openadr import OpenAdrApi
from cariflex_openadr.api.operator import OperatorApi
from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.domain.program import next_midnight
from cariflex_openadr.messages.distribution import Distribution
from cariflex_openadr.publisher import Publisher
from cariflex_openadr.runtime import set_up_logging
from cariflex_openadr.security.authority import Authority
from cariflex_openadr.security.rate_limit import RateLimit
from cariflex_openadr.security.signatures import Signatures
from cariflex_openadr.services.common import Services
from cariflex_openadr.settings import Listen, read_config
from cariflex_openadr.settings.vtn import VtnSettings, vtn_settings
from cariflex_openadr.storage.database import DatabaseError
from cariflex_openadr.storage.vtn import VtnStore
from cariflex_service.reading import SettingsError
from cariflex_service.runtime import Clock, start_site, until_stopped, utc_now

LOGGER = logging.getLogger(__name__)
# Short steps: the host's clock may be corrected meanwhile, and a window's next day follows its end.
LONGEST_SLEEP_S = 60.0


@dataclass(slots=True)
class Vtn:
    """A running VTN. Ports are the bound ones once started; ``tls_port`` 0 without that door."""

    settings: VtnSettings
    clock: Clock = utc_now
    openadr_port: int = 0
    tls_port: int = 0
    operator_port: int = 0
    store: VtnStore = field(init=False)
    publisher: Publisher = field(init=False)
    authority: Authority = field(init=False)
    services: Services = field(init=False)
    api: OpenAdrApi = field(init=False)
    _runners: list[web.AppRunner] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _started: bool = False

    def __post_init__(self) -> None:
        settings, security = self.settings, self.settings.security
        configured = [VenRecord(ven.ven_id, ven.ven_name, ven.registration_id) for ven in settings.vens]
        self.store = VtnStore(settings.database, configured, self.clock)
        self.publisher = Publisher(settings.program, self.store, self.clock)
        self.authority = Authority.open(
            security.pki_dir, settings.vtn_id, security.tls_names, security.key_type
        )
        mirror = self.store.mirror
        signatures = Signatures(
            self.authority.vtn,
            lambda fingerprint: mirror.ven_certified(fingerprint) is not None,
            self.store.answers.take_nonce,
            security.replay_window,
            self.clock,
        )
        self.services = Services(
            vtn_id=settings.vtn_id,
            poll_interval=settings.poll_interval,
            reports=settings.reports,
            store=self.store,
            distribution=Distribution(settings.vtn_id),
            clock=self.clock,
        )
        limit = RateLimit(security.requests_per_s, security.burst)
        self.api = OpenAdrApi(
            self.services, signatures, limit, signature_required=security.signature_required
        )

    async def start(self) -> None:
        """Listen at once, so that health can be asked; return when the program is on offer."""
        settings = self.settings
        operator = OperatorApi(
            publisher=self.publisher,
            store=self.store,
            authority=self.authority,
            token=settings.admin_token,
            problems=self._problems,
            counts=lambda: self.api.counts,
            clock=self.clock,
            plan=settings.reports,
        )
        self.operator_port = await self._listen(operator.app, settings.operator)
        self.openadr_port = await self._listen(self.api.app(), settings.openadr)
        if settings.security.tls is not None:
            self.tls_port = await self._listen(self.api.app(), settings.security.tls, self.authority.tls())
        self._tasks = [
            asyncio.create_task(self.store.run()),
            asyncio.create_task(self.store.flush_for_ever()),
        ]
        ready = asyncio.create_task(self.store.ready.wait())
        await asyncio.wait([ready, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            # A database that this program cannot use: waiting would not help.
            ready.cancel()
            await self.ended()
        await self.publisher.publish_program()
        await self.store.reports.follow_plan(settings.reports, self.clock())
        self._tasks.append(asyncio.create_task(self._publish_for_ever()))
        self._started = True
        LOGGER.info(
            "VTN started",
            extra={"port": self.openadr_port, "tls_port": self.tls_port, "vtn_id": settings.vtn_id},
        )

    async def _listen(self, app: web.Application, where: Listen, tls: ssl.SSLContext | None = None) -> int:
        runner, port = await start_site(app, where, tls)
        self._runners.append(runner)
        return port

    async def stop(self) -> None:
        """Stop listening, then everything else; what is noted is written."""
        for runner in self._runners:
            await runner.cleanup()
        flush = self.store.ready.is_set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if flush:
            with contextlib.suppress(*DatabaseError):
                await self.store.flush()
        await self.store.database.close()

    async def ended(self) -> None:
        """Return when a background task has ended, which none should; raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    def _problems(self) -> list[str]:
        problems = [problem for problem in (self.store.problem, self.publisher.problem) if problem]
        if not problems and not self._started:
            problems.append("VTN: starting; expected the program on offer")
        if any(task.done() for task in self._tasks):
            problems.append("VTN: a background task has ended; expected it to run")
        return problems

    async def _publish_for_ever(self) -> None:
        while True:
            now = self.clock()
            await asyncio.sleep(min(self._until_midnight_s(now), LONGEST_SLEEP_S))
            if not self.store.ready.is_set():
                continue
            try:
                await self.publisher.publish_program()
                await self.publisher.tidy(self.settings.security.replay_window)
            except DatabaseError as error:
                LOGGER.warning("program not published", extra={"reason": str(error).strip()})

    def _until_midnight_s(self, now: datetime) -> float:
        return (next_midnight(now, self.publisher.program.timezone) - now).total_seconds()


async def _run(settings: VtnSettings) -> None:
    vtn = Vtn(settings)
    stopped = asyncio.create_task(until_stopped())
    started = asyncio.create_task(vtn.start())
    await asyncio.wait([stopped, started], return_when=asyncio.FIRST_COMPLETED)
    if not stopped.done():
        started.result()
        ended = asyncio.create_task(vtn.ended())
        # A background task that ends is a defect: leave, so that the container is restarted.
        await asyncio.wait([stopped, ended], return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            ended.result()
        ended.cancel()
    started.cancel()
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
