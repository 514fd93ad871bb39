"""The weather that the plants see: FlexMeasures' when it knows it, else the simulated one."""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cariflex_service.flexmeasures import PostError
from cariflex_simulator.domain.site import Site
from cariflex_simulator.domain.sky import HourlyWeather, simulated_hour
from cariflex_simulator.settings import Sensor

LOGGER = logging.getLogger(__name__)


class HourReader(Protocol):
    """Reads an hour's value of a sensor."""

    async def hour_value(self, source: str, sensor_id: int, unit: str, start: datetime) -> float | None:
        """The value, None when there is none. Raises PostError."""


@dataclass(slots=True)
class Weather:
    """Hours of weather, asked for once each. ``reader_source`` is the user who asks."""

    reader: HourReader
    reader_source: str
    irradiance: Sensor
    temperature: Sensor
    wind: Sensor
    site: Site
    seed: int
    simulated_hours: int = 0
    _known: dict[datetime, HourlyWeather] = field(default_factory=dict)

    async def hour(self, start: datetime) -> HourlyWeather:
        """The weather of the hour from ``start`` on (aware, on the hour)."""
        if start not in self._known:
            self._known = {start: await self._ask(start)}
        return self._known[start]

    async def _ask(self, start: datetime) -> HourlyWeather:
        try:
            values = [
                await self.reader.hour_value(self.reader_source, sensor.id, sensor.unit, start)
                for sensor in (self.irradiance, self.temperature, self.wind)
            ]
        except PostError as error:
            LOGGER.warning("no weather from FlexMeasures", extra={"reason": str(error)})
            values = [None]
        if None in values:
            self.simulated_hours += 1
            return simulated_hour(self.site, self.seed, start)
        irradiance, temperature, wind = (float(value) for value in values if value is not None)
        return HourlyWeather(max(0.0, irradiance), temperature, max(0.0, wind))
