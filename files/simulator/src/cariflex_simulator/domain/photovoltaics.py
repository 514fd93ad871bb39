"""Power of photovoltaic plants from irradiance, temperature and panel data, by pvlib's PVWatts chain."""

from datetime import datetime

import numpy as np
import pandas as pd
import pvlib

from cariflex_simulator.domain.site import Plant, Site
from cariflex_simulator.domain.sky import HourlyWeather, clear_sky, hour_mean, location

INVERTER_EFFICIENCY = 0.96
TEMPERATURE_COEFFICIENT_PER_K = -0.0037
# Below this the ratio to the clear sky means nothing: the sun is at the horizon.
LEAST_CLEAR_SKY_W_M2 = 5.0
MOST_CLEARNESS = 1.2


def power_kw(
    plants: list[Plant], site: Site, times: pd.DatetimeIndex, weather: dict[datetime, HourlyWeather]
) -> dict[str, pd.Series]:
    """AC power in kW of every plant at ``times`` (UTC), positive when producing.

    ``weather`` holds the hours that ``times`` fall into. Within an hour the irradiance follows the clear
    sky's shape, scaled to the hour's mean.
    """
    hours = pd.DatetimeIndex(times).floor("h")
    hourly = {hour: weather[hour.to_pydatetime()] for hour in hours.unique()}
    clearness = pd.Series([_clearness(site, hour, hourly[hour]) for hour in hours], times)
    ghi = clear_sky(site, times) * clearness
    air_c = pd.Series([hourly[hour].temperature_c for hour in hours], times)
    wind_m_s = pd.Series([hourly[hour].wind_m_s for hour in hours], times)
    sun = location(site).get_solarposition(times)
    parts = pvlib.irradiance.erbs(ghi, sun["zenith"], times)
    found = {}
    for plant in plants:
        plane = pvlib.irradiance.get_total_irradiance(
            plant.tilt_deg,
            plant.azimuth_deg,
            sun["apparent_zenith"],
            sun["azimuth"],
            parts["dni"],
            ghi,
            parts["dhi"],
        )["poa_global"].fillna(0.0)
        cell_c = pvlib.temperature.faiman(plane, air_c, wind_m_s)
        dc_kw = pvlib.pvsystem.pvwatts_dc(plane, cell_c, plant.peak_kw, TEMPERATURE_COEFFICIENT_PER_K)
        ac_kw = pvlib.inverter.pvwatts(dc_kw, plant.peak_kw / INVERTER_EFFICIENCY, INVERTER_EFFICIENCY)
        found[plant.plant_id] = pd.Series(np.maximum(0.0, np.nan_to_num(ac_kw)), times)
    return found


def _clearness(site: Site, hour: pd.Timestamp, weather: HourlyWeather) -> float:
    clear = hour_mean(site, hour.to_pydatetime())
    if clear < LEAST_CLEAR_SKY_W_M2:
        return 0.0
    return min(MOST_CLEARNESS, weather.irradiance_w_m2 / clear)
