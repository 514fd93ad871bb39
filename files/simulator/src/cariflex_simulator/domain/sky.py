"""The simulated sky: pvlib's clear sky, dimmed by seeded clouds; temperature and wind with it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd
from pvlib.location import Location

from cariflex_simulator.domain.draw import seeded
from cariflex_simulator.domain.site import Site

HOUR = timedelta(hours=1)
# Trade-wind cumulus: mostly clear, showers in between.
MEAN_CLEARNESS, CLEARNESS_SPREAD, PERSISTENCE = 0.78, 0.16, 0.6
LEAST_CLEARNESS, MOST_CLEARNESS = 0.15, 1.0
MEAN_TEMPERATURE_C, TEMPERATURE_SWING_C, WARMEST_HOUR_UTC = 27.0, 3.0, 18.0
MEAN_WIND_M_S, WIND_SPREAD_M_S = 6.0, 1.2


@dataclass(frozen=True, slots=True)
class HourlyWeather:
    """An hour's mean irradiance on the horizontal (W/m²), its temperature (°C) and wind (m/s)."""

    irradiance_w_m2: float
    temperature_c: float
    wind_m_s: float


@lru_cache(maxsize=64)
def clearness_of_day(seed: int, day: str) -> tuple[float, ...]:
    """24 hourly shares of the clear sky's irradiance; depends on seed and UTC day alone."""
    draw = seeded(seed, "clearness", day)
    deviation, found = draw.normal(0, CLEARNESS_SPREAD), []
    for _ in range(24):
        found.append(min(MOST_CLEARNESS, max(LEAST_CLEARNESS, MEAN_CLEARNESS + deviation)))
        deviation = PERSISTENCE * deviation + draw.normal(0, CLEARNESS_SPREAD * (1 - PERSISTENCE**2) ** 0.5)
    return tuple(found)


def location(site: Site) -> Location:
    """The site as pvlib knows it, in UTC."""
    return Location(site.latitude, site.longitude, tz="UTC", altitude=site.altitude_m)


def clear_sky(site: Site, times: pd.DatetimeIndex) -> pd.Series:
    """Global horizontal irradiance under a clear sky in W/m² (Haurwitz: needs no turbidity data)."""
    found = location(site).get_clearsky(times, model="haurwitz")
    ghi: pd.Series = found["ghi"].fillna(0.0)
    return ghi


def simulated_hour(site: Site, seed: int, start: datetime) -> HourlyWeather:
    """The seeded weather of the hour that begins at ``start`` (aware, on the hour)."""
    hour = start.astimezone(UTC)
    clearness = clearness_of_day(seed, hour.date().isoformat())[hour.hour]
    draw = seeded(seed, "wind", hour.isoformat())
    swing = np.cos((hour.hour - WARMEST_HOUR_UTC) / 24 * 2 * np.pi)
    return HourlyWeather(
        irradiance_w_m2=clearness * hour_mean(site, hour),
        temperature_c=float(MEAN_TEMPERATURE_C + TEMPERATURE_SWING_C * swing - 2 * (1 - clearness)),
        wind_m_s=max(0.0, draw.normal(MEAN_WIND_M_S, WIND_SPREAD_M_S)),
    )


@lru_cache(maxsize=1024)
def hour_mean(site: Site, start: datetime) -> float:
    """Mean clear-sky irradiance of the hour from ``start`` on, W/m²."""
    times = pd.date_range(start + timedelta(minutes=2, seconds=30), periods=12, freq="5min")
    return float(clear_sky(site, times).mean())
