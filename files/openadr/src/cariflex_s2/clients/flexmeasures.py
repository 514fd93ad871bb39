"""FlexMeasures as the CEM uses it, through flexmeasures-client: trigger schedules, read sensors."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from flexmeasures_client import FlexMeasuresClient
from flexmeasures_client.exceptions import JobFailedError, JobTimeoutError

from cariflex_s2.settings import FlexMeasures
from cariflex_service.flexmeasures import TROUBLE, connect, reason_of

JOB_WITHIN_S = 180.0
FORECAST_WITHIN_S = 900.0
_TROUBLE = (*TROUBLE, JobFailedError, JobTimeoutError)
_REASON_LENGTH = 500


class FlexMeasuresError(RuntimeError):
    """FlexMeasures did not do it; the message is its own."""


@dataclass(frozen=True, slots=True)
class Values:
    """A sensor's values in the asked unit from ``start`` on; None where there is none."""

    start: datetime
    values: tuple[float | None, ...]


class ScheduleServer(Protocol):
    """Schedules assets and keeps sensors. Methods raise FlexMeasuresError."""

    async def schedule(
        self,
        asset_id: int,
        start: datetime,
        duration: timedelta,
        models: list[dict[str, Any]],
        context: dict[str, Any],
        now: datetime,
    ) -> None:
        """Have a schedule made and wait until it is stored."""

    async def values(
        self, sensor_id: int, start: datetime, duration: timedelta, unit: str, resolution: timedelta
    ) -> Values:
        """Read a sensor."""

    async def forecast(self, sensor_id: int, duration: timedelta, config: dict[str, Any]) -> None:
        """Have a sensor forecast and wait until the forecast is stored."""

    async def close(self) -> None:
        """Close the connections."""


class FlexMeasuresServer:
    """ScheduleServer on a FlexMeasures server. Its client logs in again when the token (6 h) has ended."""

    def __init__(self, settings: FlexMeasures) -> None:
        self._settings = settings
        self._client: FlexMeasuresClient | None = None

    def _connected(self) -> FlexMeasuresClient:
        if self._client is None:
            settings = self._settings
            self._client = connect(
                settings,
                settings.email,
                settings.password,
                timeout_s=30.0,
                job_polling_interval=1.0,
                job_polling_max_interval=5.0,
                job_polling_timeout=JOB_WITHIN_S,
            )
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def schedule(
        self,
        asset_id: int,
        start: datetime,
        duration: timedelta,
        models: list[dict[str, Any]],
        context: dict[str, Any],
        now: datetime,
    ) -> None:
        """Trigger on an asset and wait for the job. ``now`` makes it a new job, not a cached one."""
        client = self._connected()
        try:
            job = await client.trigger_schedule(
                asset_id=asset_id,
                start=start,
                duration=duration,
                flex_model=models,
                flex_context=context or None,
                prior=now,
            )
            await client.wait_for_job(job)
        except _TROUBLE as error:
            raise FlexMeasuresError(_reason(error)) from error

    async def forecast(self, sensor_id: int, duration: timedelta, config: dict[str, Any]) -> None:
        """Trigger FlexMeasures' forecaster and wait for the job.

        ``config`` goes to it as it is. Without a start it believes now, from the slot under way on.
        """
        body = {"duration": f"PT{duration // timedelta(minutes=1)}M", "config": config}
        client = self._connected()
        try:
            # Its own trigger_forecast cannot say all that the server's configuration knows.
            answer, _ = await client.request(
                uri=f"sensors/{sensor_id}/forecasts/trigger", json_payload=body, method="POST"
            )
            if not isinstance(answer, dict):
                raise FlexMeasuresError(f"{answer!r}; expected a job")
            await client.wait_for_job(answer["job"], timeout=FORECAST_WITHIN_S)
        except _TROUBLE as error:
            raise FlexMeasuresError(_reason(error)) from error

    async def values(
        self, sensor_id: int, start: datetime, duration: timedelta, unit: str, resolution: timedelta
    ) -> Values:
        """The newest belief about each slot."""
        try:
            found = await self._connected().get_sensor_data(
                sensor_id=sensor_id, start=start, duration=duration, unit=unit, resolution=resolution
            )
            first = datetime.fromisoformat(found["start"])
            values = tuple(None if value is None else float(value) for value in found["values"])
        except _TROUBLE as error:
            raise FlexMeasuresError(_reason(error)) from error
        return Values(first, values)


def _reason(error: BaseException) -> str:
    """The first and the last line: between them stands a traceback of the server."""
    lines = reason_of(error).strip().splitlines()
    text = lines[0] if len(lines) == 1 else f"{lines[0]} … {lines[-1].strip()}"
    return text[:_REASON_LENGTH]
