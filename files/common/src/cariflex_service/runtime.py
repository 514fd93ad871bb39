"""What programs share at run time: clock, HTTP site, signals."""

import asyncio
import logging
import os
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import NoReturn, Protocol, overload

from aiohttp import web

Clock = Callable[[], datetime]


class Address(Protocol):
    """Where to listen; port 0 takes any that is free."""

    @property
    def host(self) -> str:
        """Address of an interface."""

    @property
    def port(self) -> int:
        """TCP port."""


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


@overload
def iso(moment: datetime) -> str: ...
@overload
def iso(moment: datetime | None) -> str | None: ...
def iso(moment: datetime | None) -> str | None:
    """``moment`` as ISO 8601 in UTC with a Z; None stays None."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def floor_hour(moment: datetime) -> datetime:
    """The full hour at or before ``moment``."""
    return moment - timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)


async def start_site(
    app: web.Application, listen: Address, tls: ssl.SSLContext | None = None
) -> tuple[web.AppRunner, int]:
    """Serve ``app``; the port is the bound one, which matters when 0 was asked for."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    await web.TCPSite(runner, listen.host, listen.port, ssl_context=tls).start()
    return runner, int(runner.addresses[0][1])


@web.middleware
async def metrics_for_others(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer whoever is not in the container with /metrics, and refuse all else."""
    inside = request.remote and ip_address(request.remote).is_loopback
    if inside or request.path == "/metrics":
        return await handler(request)
    return web.json_response({"error": f"{request.path}: expected a caller inside the container"}, status=403)


async def until_stopped() -> None:
    """Return on SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def leave() -> NoReturn:
    """End the process at once: a thread may still wait for an answer that nobody wants any more."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)
