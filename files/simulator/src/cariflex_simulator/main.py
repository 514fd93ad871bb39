"""The simulator: wires the parts together and runs until it is told to stop."""

import asyncio
import logging
import sys
from contextlib import suppress

from cariflex_service.logs import set_up_logging
from cariflex_service.reading import SettingsError
from cariflex_service.runtime import leave, start_site, until_stopped, utc_now
from cariflex_simulator.api import StatusApi
from cariflex_simulator.clients.flexmeasures import FlexMeasures
from cariflex_simulator.poster import PostQueue
from cariflex_simulator.s2.manager import ResourceManager
from cariflex_simulator.settings import read_sensors, read_settings, read_tokens
from cariflex_simulator.simulation import Simulation, begin
from cariflex_simulator.state import StateError
from cariflex_simulator.weather import Weather

LOGGER = logging.getLogger(__name__)
# s2python logs each failed connection as an error; what matters is in our own words.
LIBRARIES = {"websockets": logging.WARNING, "s2python": logging.CRITICAL}


async def serve() -> None:
    """Run until SIGTERM. Raises SettingsError and StateError before anything starts."""
    settings = read_settings()
    sensors, tokens = read_sensors(settings), read_tokens(settings)
    set_up_logging(settings.log_level, LIBRARIES)
    users = FlexMeasures(settings.flexmeasures, settings.flexmeasures.users)
    queue = PostQueue(users)
    fleet, prices_until = begin(settings, queue, utc_now())
    managers = [
        ResourceManager(fleet.devices[item.id], fleet, settings.s2, tokens[item.id], utc_now)
        for item in settings.devices
        if item.control == "s2"
    ]
    irradiance, temperature, wind = (
        sensors[name]
        for name in (settings.weather.irradiance, settings.weather.temperature, settings.weather.wind)
    )
    weather = Weather(
        reader=users,
        reader_source=sensors[settings.price_sensor].source,
        irradiance=irradiance,
        temperature=temperature,
        wind=wind,
        site=settings.site,
        seed=settings.seed,
    )
    simulation = Simulation(settings, sensors, fleet, queue, weather, utc_now, managers, prices_until)
    site, _ = await start_site(StatusApi(simulation).app, settings.status)
    LOGGER.info("simulator started", extra={"devices": len(fleet.devices), "s2": len(managers)})
    work = [simulation.run(), queue.run(), *(manager.run() for manager in managers)]
    tasks = [asyncio.create_task(job) for job in work]
    stopped = asyncio.create_task(until_stopped())
    try:
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in [stopped, *tasks]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await site.cleanup()
        with suppress(OSError):
            await users.close()
    crashes = [item for item in results if isinstance(item, Exception)]
    if crashes:
        raise crashes[0]
    LOGGER.info("simulator stopped")
    leave()


def main() -> None:
    """Entry point ``simulator``."""
    try:
        asyncio.run(serve())
    except (SettingsError, StateError) as error:
        sys.exit(f"simulator: {error}")
