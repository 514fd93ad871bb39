"""The weather service: wires the parts together and runs until it is told to stop."""

import asyncio
import logging
import sys
from contextlib import suppress

from cariflex_service.flexmeasures import FlexMeasuresUsers
from cariflex_service.logs import set_up_logging
from cariflex_service.reading import SettingsError
from cariflex_service.runtime import leave, start_site, until_stopped, utc_now
from cariflex_weather.api import StatusApi
from cariflex_weather.clients.open_meteo import OpenMeteoClient
from cariflex_weather.service import WeatherService
from cariflex_weather.settings import read_sensors, read_settings

LOGGER = logging.getLogger(__name__)


async def serve() -> None:
    """Run until SIGTERM. Raises SettingsError before anything starts."""
    settings = read_settings()
    sensors = read_sensors(settings)
    set_up_logging(settings.log_level, {"requests_cache": logging.WARNING, "urllib3": logging.WARNING})
    users = FlexMeasuresUsers(settings.flexmeasures, settings.flexmeasures.users)
    source = OpenMeteoClient(settings.open_meteo, settings.site, settings.interval_s)
    service = WeatherService(settings, sensors, source, users, utc_now)
    site, _ = await start_site(StatusApi(service).app, settings.status)
    LOGGER.info("weather service started")
    work = asyncio.create_task(service.run())
    stopped = asyncio.create_task(until_stopped())
    try:
        await asyncio.wait([stopped, work], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (stopped, work):
            task.cancel()
        result = (await asyncio.gather(work, return_exceptions=True))[0]
        await site.cleanup()
        with suppress(OSError):
            await users.close()
    if isinstance(result, Exception):
        raise result
    LOGGER.info("weather service stopped")
    leave()


def main() -> None:
    """Entry point ``weather``."""
    try:
        asyncio.run(serve())
    except SettingsError as error:
        sys.exit(f"weather: {error}")
