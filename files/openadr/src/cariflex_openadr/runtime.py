"""What both services share at run time: clock, JSON logs, HTTP sites, signals."""

import asyncio
import json
import logging
import signal
import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiohttp import web

from cariflex_openadr.settings import Listen

Clock = Callable[[], datetime]

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """An id that nobody has given before."""
    return uuid4().hex


def iso(moment: datetime | None) -> str | None:
    """``moment`` as ISO 8601 in UTC with a Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what is passed as ``extra`` becomes keys."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line of JSON."""
        entry: dict[str, Any] = {
            "at": iso(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD_FIELDS}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def set_up_logging(level: str) -> None:
    """JSON lines on stdout. The libraries stay at WARNING: they log whole messages, tokens included."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("openleadr", "flexmeasures_client", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


async def start_site(
    app: web.Application, listen: Listen, tls: ssl.SSLContext | None = None
) -> tuple[web.AppRunner, int]:
    """Serve ``app``; the port is the bound one, which matters when 0 was asked for."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    await web.TCPSite(runner, listen.host, listen.port, ssl_context=tls).start()
    return runner, int(runner.addresses[0][1])


async def until_stopped() -> None:
    """Return on SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def metrics_text(samples: list[tuple[str, dict[str, str], float]]) -> str:
    """Prometheus text exposition of gauges: (name, labels, value)."""
    lines: list[str] = []
    for name in dict.fromkeys(name for name, _, _ in samples):
        lines.append(f"# TYPE {name} gauge")
        for labels, value in ((labels, value) for other, labels, value in samples if other == name):
            text = ",".join(f"{key}={json.dumps(item)}" for key, item in labels.items())
            lines.append(f"{name}{{{text}}} {value:g}" if text else f"{name} {value:g}")
    return "\n".join(lines) + "\n"
