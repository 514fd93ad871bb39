"""Posts values to FlexMeasures through flexmeasures-client."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from flexmeasures_client import FlexMeasuresClient

from cariflex_weather.settings import FlexMeasures

_STATUS = re.compile(r"status code (\d{3})|\b(\d{3}), message=")
_PASSING = frozenset({401, 408, 425, 429})
# Refusals come as ValueError, HTTP trouble as ConnectionError; what is no JSON trips the client.
_TROUBLE = (ValueError, OSError, TimeoutError, KeyError, TypeError, AttributeError)


class PostError(RuntimeError):
    """FlexMeasures did not take the values; trying again later may help."""


class PostRefusedError(PostError):
    """FlexMeasures will never take these values (wrong unit, no rights, another value already there)."""


@dataclass(frozen=True, slots=True)
class Post:
    """Values of one sensor, one a resolution from ``start`` on; ``source`` names who posts."""

    source: str
    sensor_id: int
    unit: str
    resolution_s: int
    start: datetime
    values: tuple[float, ...]
    belief_time: datetime


class Poster(Protocol):
    """Takes posts."""

    async def post(self, post: Post) -> None:
        """Raises PostError or PostRefusedError."""


class FlexMeasuresUsers:
    """One client for each posting user: a value's data source is the user who posts it."""

    def __init__(self, settings: FlexMeasures) -> None:
        self._settings = settings
        self._clients: dict[str, FlexMeasuresClient] = {}

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()
        self._clients = {}

    async def post(self, post: Post) -> None:
        """Post one run of values. The same values again are no error."""
        try:
            await self._client(post.source).post_sensor_data(
                sensor_id=post.sensor_id,
                start=post.start.isoformat(),
                duration=timedelta(seconds=post.resolution_s * len(post.values)),
                values=list(post.values),
                unit=post.unit,
                prior=post.belief_time.isoformat(),
            )
        except _TROUBLE as error:
            raise _classified(str(error) or type(error).__name__) from error

    def _client(self, source: str) -> FlexMeasuresClient:
        if source not in self._clients:
            user = self._settings.users[source]
            self._clients[source] = FlexMeasuresClient(
                host=self._settings.host,
                port=self._settings.port,
                ssl=self._settings.ssl,
                email=user.email,
                password=user.password(),
                # Our own queue retries; the client's patience would only hold up what comes behind.
                max_request_attempts=1,
                request_timeout=20.0,
                request_retry_timeout=30.0,
                request_retry_interval=1.0,
            )
        return self._clients[source]


def _classified(message: str) -> PostError:
    """The kind of trouble; what carries no status (no connection, no login) may pass."""
    found = _STATUS.search(message)
    status = int(found.group(1) or found.group(2)) if found else 0
    if 400 <= status < 500 and status not in _PASSING:
        return PostRefusedError(message)
    return PostError(message)
