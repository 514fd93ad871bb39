"""Posts values to FlexMeasures through flexmeasures-client, and tells refusals from passing trouble."""

import re
from datetime import timedelta
from typing import Protocol

from flexmeasures_client import FlexMeasuresClient

from cariflex_openadr.settings import FlexMeasuresSettings
from cariflex_openadr.storage import Post

_STATUS = re.compile(r"status code (\d{3})")
_PASSING = frozenset({401, 408, 425, 429})


class PostError(RuntimeError):
    """FlexMeasures did not take the values; trying again later may help."""


class PostRefusedError(PostError):
    """FlexMeasures will never take these values (wrong unit, no rights, ...)."""


class BeliefCollisionError(PostError):
    """Another value is already recorded for the same event, source and belief second."""


class SensorPoster(Protocol):
    """Takes values for a sensor."""

    async def post(self, post: Post) -> None:
        """Raises PostError or one of its subclasses."""

    async def close(self) -> None:
        """Close the connections."""


class FlexMeasuresPoster:
    """SensorPoster on a FlexMeasures server. Its client logs in again when the token (6 h) has ended."""

    def __init__(self, settings: FlexMeasuresSettings) -> None:
        self._settings = settings
        self._client: FlexMeasuresClient | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def post(self, post: Post) -> None:
        """Post one run of values; ``prior`` is their belief time. The same values again are no error."""
        values = [item.value for item in post.values]
        try:
            await self._connected().post_sensor_data(
                sensor_id=post.sensor_id,
                start=post.values[0].start.isoformat(),
                duration=_iso_duration(len(values) * post.resolution),
                values=values,
                unit=post.unit,
                prior=post.belief_time.isoformat(),
            )
        except ValueError as error:
            raise _classify(str(error)) from error
        except (OSError, TimeoutError, KeyError, TypeError, AttributeError) as error:
            # The client raises ConnectionError for HTTP trouble, and stumbles over answers that are no JSON.
            raise PostError(f"{type(error).__name__}: {error}") from error

    def _connected(self) -> FlexMeasuresClient:
        if self._client is None:
            settings = self._settings
            self._client = FlexMeasuresClient(
                host=settings.host,
                port=settings.port,
                ssl=settings.ssl,
                email=settings.email,
                password=settings.password,
                # Our own queue retries; the client's patience would only hold up what comes behind.
                max_request_attempts=1,
                request_timeout=20.0,
                request_retry_timeout=30.0,
                request_retry_interval=1.0,
            )
        return self._client


def _classify(message: str) -> PostError:
    found = _STATUS.search(message)
    status = int(found.group(1)) if found else 0
    if "replacement" in message.lower():
        return BeliefCollisionError(message)
    if status in _PASSING or status >= 500:
        return PostError(message)
    return PostRefusedError(message)


def _iso_duration(duration: timedelta) -> str:
    return f"PT{int(duration.total_seconds()) // 60}M"
