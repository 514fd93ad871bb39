"""Posts values to FlexMeasures through flexmeasures-client, and tells refusals from passing trouble."""

from typing import Protocol

from flexmeasures_client import FlexMeasuresClient

from cariflex_openadr.settings.ven import FlexMeasuresSettings
from cariflex_openadr.storage.outbox import Post
from cariflex_service.flexmeasures import TROUBLE, connect, reason_of, status_of

# Rights and sensors may be made by a deployment that is still running.
_PASSING = frozenset({401, 403, 404, 408, 425, 429})


class PostError(RuntimeError):
    """FlexMeasures did not take the values; trying again later may help."""


class PostRefusedError(PostError):
    """FlexMeasures will never take these values (wrong unit, naive times, ...)."""


class BeliefCollisionError(PostError):
    """Another value is already recorded for the same event, source and belief second."""


class SensorPoster(Protocol):
    """Takes values for a sensor."""

    async def post(self, post: Post) -> None:
        """Raises PostError or one of its subclasses."""

    async def close(self) -> None:
        """Close the connections."""


class FlexMeasuresPoster:
    """SensorPoster on a FlexMeasures server, one client a posting user.

    The client logs in again when its token (6 h) has ended.
    """

    def __init__(self, settings: FlexMeasuresSettings) -> None:
        self._settings = settings
        self._clients: dict[str, FlexMeasuresClient] = {}

    async def close(self) -> None:
        """Close the connections."""
        while self._clients:
            _, client = self._clients.popitem()
            await client.close()

    async def post(self, post: Post) -> None:
        """Post one run of values; ``prior`` is their belief time. The same values again are no error."""
        values = [item.value for item in post.values]
        try:
            await self._client(post.poster).post_sensor_data(
                sensor_id=post.sensor_id,
                start=post.values[0].start.isoformat(),
                # As timedelta: of a text the client takes no more than 99 minutes.
                duration=len(values) * post.resolution,
                values=values,
                unit=post.unit,
                prior=post.belief_time.isoformat(),
            )
        except TROUBLE as error:
            raise _classify(reason_of(error)) from error

    def _client(self, name: str) -> FlexMeasuresClient:
        if name not in self._clients:
            settings = self._settings
            user = settings.posters.get(name)
            if user is None:
                known = ", ".join(settings.posters)
                raise PostRefusedError(f"poster {name!r}; expected one of {known}")
            # A loaded server takes that long over a day of values; giving up has it begin again.
            self._clients[name] = connect(settings, user.email, user.password, timeout_s=60.0)
        return self._clients[name]


def _classify(message: str) -> PostError:
    """The kind of trouble; what carries no status (no connection, no login) may pass."""
    status = status_of(message)
    if "replacement" in message.lower():
        return BeliefCollisionError(message)
    if 400 <= status < 500 and status not in _PASSING:
        return PostRefusedError(message)
    return PostError(message)
