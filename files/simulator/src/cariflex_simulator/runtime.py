"""What the programs share at run time: clock, JSON logs, HTTP site, signals."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from aiohttp import web
from pythonjsonlogger.json import JsonFormatter

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


class FastClock:
    """A clock that starts at ``begin`` and runs ``speed`` times as fast as the wall's; for tests."""

    def __init__(self, begin: datetime, speed: float) -> None:
        self._begin, self._speed, self._started = begin, speed, utc_now()

    def __call__(self) -> datetime:
        """The simulated time."""
        return self._begin + self._speed * (utc_now() - self._started)


def iso(moment: datetime) -> str:
    """``moment`` as ISO 8601 in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def floor_hour(moment: datetime) -> datetime:
    """The full hour at or before ``moment``."""
    return moment - timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)


def set_up_logging(level: str) -> None:
    """JSON lines on stdout. The libraries stay at WARNING: they log whole messages, tokens included."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        JsonFormatter(
            "%(levelname)s %(name)s %(message)s",
            timestamp="at",
            rename_fields={"levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # It logs each failed connection as an error; what matters is in our own words.
    logging.getLogger("s2python").setLevel(logging.CRITICAL)
    for name in ("websockets", "flexmeasures_client", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


async def start_site(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve ``app``; the port is the bound one, which matters when 0 was asked for."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, int(runner.addresses[0][1])


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
