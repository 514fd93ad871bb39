"""JSON logs."""

import logging
import sys
from collections.abc import Mapping

from pythonjsonlogger.json import JsonFormatter

# They log whole messages, tokens included.
QUIET = ("flexmeasures_client", "aiohttp", "asyncio")


def set_up_logging(level: str, libraries: Mapping[str, int] | None = None) -> None:
    """JSON lines on stdout; what is passed as ``extra`` becomes keys.

    Libraries stay at WARNING; ``libraries`` gives more of them, each with its least level.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        JsonFormatter(
            "%(levelname)s %(name)s %(message)s",
            timestamp="at",
            rename_fields={"levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, least in {**dict.fromkeys(QUIET, logging.WARNING), **(libraries or {})}.items():
        logging.getLogger(name).setLevel(least)
