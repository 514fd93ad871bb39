"""The weather without any news: pvlib's clear sky, and the climate's means for temperature and wind."""

import math
from datetime import datetime

import pandas as pd
from pvlib.location import Location

from cariflex_weather.settings import Site
from cariflex_weather.weather import HOUR, Outlook

# Rounded monthly means of Martinique's lowlands, January to December; the day's swing around them.
TEMPERATURE_C = (25.5, 25.5, 26.0, 26.8, 27.6, 28.0, 27.9, 28.1, 28.0, 27.7, 27.1, 26.1)
TEMPERATURE_SWING_C, WARMEST_HOUR_UTC = 2.8, 18
# Trade winds: steadier and stronger in the dry season.
WIND_M_S = (6.6, 6.5, 6.3, 6.2, 6.3, 6.9, 6.7, 5.5, 4.6, 4.4, 5.2, 6.2)
SAMPLES_AN_HOUR = 12


def clear_sky_outlook(site: Site, begin: datetime, hours: int, known_at: datetime) -> Outlook:
    """The outlook for ``hours`` hours from ``begin`` on: an upper bound for irradiance, else the norm."""
    starts = [begin + n * HOUR for n in range(hours)]
    half_sample = HOUR / SAMPLES_AN_HOUR / 2
    times = pd.date_range(begin + half_sample, periods=hours * SAMPLES_AN_HOUR, freq=HOUR / SAMPLES_AN_HOUR)
    place = Location(site.latitude, site.longitude, tz="UTC", altitude=site.altitude_m)
    ghi = place.get_clearsky(times, model="ineichen")["ghi"].fillna(0.0).to_numpy()
    means = ghi.reshape(hours, SAMPLES_AN_HOUR).mean(axis=1)
    return Outlook(
        known_at=known_at,
        series={
            "irradiance": {start: round(float(mean), 1) for start, mean in zip(starts, means, strict=True)},
            "temperature": {start: _temperature_c(start) for start in starts},
            "wind": {start: WIND_M_S[start.month - 1] for start in starts},
        },
    )


def _temperature_c(hour: datetime) -> float:
    swing = math.cos((hour.hour - WARMEST_HOUR_UTC) / 24 * 2 * math.pi)
    return round(TEMPERATURE_C[hour.month - 1] + TEMPERATURE_SWING_C * swing, 1)
