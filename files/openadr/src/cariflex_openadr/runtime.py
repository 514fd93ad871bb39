"""What VTN and VEN share at run time beside ``cariflex_service``: ids, JSON logs, metrics."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from cariflex_service.runtime import iso

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def new_id() -> str:
    """An id that nobody has given before."""
    return uuid4().hex


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


def metrics_text(samples: list[tuple[str, dict[str, str], float]]) -> str:
    """Prometheus text exposition of gauges: (name, labels, value)."""
    lines: list[str] = []
    for name in dict.fromkeys(name for name, _, _ in samples):
        lines.append(f"# TYPE {name} gauge")
        for labels, value in ((labels, value) for other, labels, value in samples if other == name):
            text = ",".join(f"{key}={json.dumps(item)}" for key, item in labels.items())
            lines.append(f"{name}{{{text}}} {value:g}" if text else f"{name} {value:g}")
    return "\n".join(lines) + "\n"
