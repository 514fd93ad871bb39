"""The simulated past of every sensor that the simulator owns, and of the weather that it saw."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from cariflex_service.runtime import floor_hour
from cariflex_simulator.domain.photovoltaics import power_kw
from cariflex_simulator.domain.prices import production_price
from cariflex_simulator.domain.sky import HOUR, HourlyWeather, simulated_hour
from cariflex_simulator.fleet_builder import history_begin, lived_fleet
from cariflex_simulator.settings import Sensor, Settings

# Measured values are known when their event has ended, prices a day before.
MEASURED, DAY_AHEAD = timedelta(0), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one sensor: (event start, value in its unit), known ``horizon`` before the event's end."""

    sensor: Sensor
    source: str
    horizon: timedelta
    values: list[tuple[datetime, float]]


def history(settings: Settings, sensors: dict[str, Sensor], now: datetime) -> Iterator[Series]:
    """All series from local midnight ``history_days`` ago up to ``now``. The same all day long."""
    begin = history_begin(now, settings.history_days, settings.timezone)
    hours: list[datetime] = []
    while begin + len(hours) * HOUR < floor_hour(now):
        hours.append(begin + len(hours) * HOUR)
    weather = {hour: simulated_hour(settings.site, settings.seed, hour) for hour in hours}
    yield from _storage(settings, sensors, floor_hour(now))
    yield from _photovoltaics(settings, sensors, weather)
    yield from _weather(settings, sensors, weather)
    price = sensors[settings.price_sensor]
    prices = [(hour, production_price(settings.seed, hour)) for hour in hours]
    yield Series(price, price.source, DAY_AHEAD, prices)


def _storage(settings: Settings, sensors: dict[str, Sensor], end: datetime) -> Iterator[Series]:
    intervals = lived_fleet(settings, end)[1]
    for item in settings.devices:
        own = [interval for interval in intervals if interval.device_id == item.id]
        level, power = sensors[item.level_sensor], sensors[item.power_sensor]
        yield Series(level, level.source, MEASURED, [(entry.end, entry.fill_kwh) for entry in own])
        yield Series(power, power.source, MEASURED, [(entry.start, entry.power_kw) for entry in own])


def _photovoltaics(
    settings: Settings, sensors: dict[str, Sensor], weather: dict[datetime, HourlyWeather]
) -> Iterator[Series]:
    half = settings.interval / 2
    steps = int(HOUR / settings.interval)
    starts = [hour + n * settings.interval for hour in weather for n in range(steps)]
    plants = [item.plant for item in settings.photovoltaics]
    middles = pd.DatetimeIndex([start + half for start in starts])
    powers = power_kw(plants, settings.site, middles, weather)
    for item in settings.photovoltaics:
        sensor = sensors[item.sensor]
        values = list(zip(starts, powers[item.plant.plant_id].tolist(), strict=True))
        yield Series(sensor, sensor.source, MEASURED, values)


def _weather(
    settings: Settings, sensors: dict[str, Sensor], weather: dict[datetime, HourlyWeather]
) -> Iterator[Series]:
    """What the plants saw, under the simulator's own name: it is neither observed nor forecast by anybody."""
    source = sensors[settings.price_sensor].source
    fields = {
        settings.weather.irradiance: "irradiance_w_m2",
        settings.weather.temperature: "temperature_c",
        settings.weather.wind: "wind_m_s",
    }
    for name, field in fields.items():
        values = [(hour, getattr(found, field)) for hour, found in weather.items()]
        yield Series(sensors[name], source, MEASURED, values)
