"""Posts to FlexMeasures through flexmeasures-client, and tells refusals from passing trouble."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import aiohttp
from flexmeasures_client import FlexMeasuresClient

_STATUS = re.compile(r"status code (\d{3})|\b(\d{3}), message=")
_PASSING = frozenset({401, 408, 425, 429})
# Refusals come as ValueError, HTTP trouble as ConnectionError; what is no JSON trips the client.
TROUBLE = (
    aiohttp.ClientError,
    ValueError,
    OSError,
    TimeoutError,
    KeyError,
    TypeError,
    AttributeError,
)


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


class Server(Protocol):
    """Where FlexMeasures listens: a host without scheme."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def ssl(self) -> bool: ...


class User(Protocol):
    """Who asks."""

    @property
    def email(self) -> str: ...
    def password(self) -> str:
        """The password. May raise SettingsError."""


def connect(
    server: Server, email: str, password: str, timeout_s: float = 20.0, **more: Any
) -> FlexMeasuresClient:
    """A client that tries once: our own queues retry, its patience would only hold up what comes behind.

    It logs in again when its token (6 h) has ended. ``more`` goes to the client as it is.
    """
    return FlexMeasuresClient(
        host=server.host,
        port=server.port,
        ssl=server.ssl,
        email=email,
        password=password,
        max_request_attempts=1,
        request_timeout=timeout_s,
        request_retry_timeout=timeout_s * 1.5,
        request_retry_interval=1.0,
        **more,
    )


def reason_of(error: BaseException) -> str:
    """The error's own words."""
    return str(error) or type(error).__name__


def status_of(reason: str) -> int:
    """The HTTP status that the client's words name; 0 for none: no connection, no login."""
    found = _STATUS.search(reason)
    return int(found.group(1) or found.group(2)) if found else 0


def post_error(error: BaseException) -> PostError:
    """The kind of trouble; what carries no status may pass."""
    reason = reason_of(error)
    status = status_of(reason)
    if 400 <= status < 500 and status not in _PASSING:
        return PostRefusedError(reason)
    return PostError(reason)


class FlexMeasuresUsers:
    """One client for each user, by name: a value's data source is the user who posts it."""

    def __init__(self, server: Server, users: Mapping[str, User]) -> None:
        self._server, self._users = server, users
        self._clients: dict[str, FlexMeasuresClient] = {}

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()
        self._clients = {}

    async def post(self, post: Post) -> None:
        """Post one run of values. The same values again are no error."""
        try:
            await self.client(post.source).post_sensor_data(
                sensor_id=post.sensor_id,
                start=post.start.isoformat(),
                # As timedelta: of a text the client takes no more than 99 minutes.
                duration=timedelta(seconds=post.resolution_s * len(post.values)),
                values=list(post.values),
                unit=post.unit,
                prior=post.belief_time.isoformat(),
            )
        except TROUBLE as error:
            raise post_error(error) from error

    def client(self, source: str) -> FlexMeasuresClient:
        """The client of a user."""
        if source not in self._clients:
            user = self._users[source]
            self._clients[source] = connect(self._server, user.email, user.password())
        return self._clients[source]
