"""Sun, clouds, plants and prices."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from cariflex_simulator.domain.photovoltaics import power_kw
from cariflex_simulator.domain.prices import production_price
from cariflex_simulator.domain.site import Plant, Site
from cariflex_simulator.domain.sky import HourlyWeather, hour_mean, simulated_hour

SITE = Site(14.6, -61.0, 20.0)
MIDNIGHT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
HOURS = [MIDNIGHT + timedelta(hours=n) for n in range(24)]
PLANT = Plant("pv_01", peak_kw=30.0, tilt_deg=15.0, azimuth_deg=180.0)


def _day_kw(plant: Plant, weather: dict[datetime, HourlyWeather]) -> pd.Series:
    times = pd.date_range(MIDNIGHT + timedelta(seconds=150), periods=288, freq="5min")
    return power_kw([plant], SITE, times, weather)[plant.plant_id]


def _weather(share: float, temperature_c: float = 27.0) -> dict[datetime, HourlyWeather]:
    return {hour: HourlyWeather(share * hour_mean(SITE, hour), temperature_c, 5.0) for hour in HOURS}


def test_power__clear_day__zero_at_night_most_at_local_noon() -> None:
    found = _day_kw(PLANT, _weather(1.0))

    best = pd.DatetimeIndex(found.index)[int(found.to_numpy().argmax())]
    assert found.min() == 0.0
    assert 15 <= best.hour <= 16
    assert 0.6 * PLANT.peak_kw < found.max() < PLANT.peak_kw
    assert found.iloc[:12].max() == 0.0


def test_power__clouds_and_heat__both_cost_energy() -> None:
    clear, cloudy = _day_kw(PLANT, _weather(1.0)), _day_kw(PLANT, _weather(0.4))
    hot = _day_kw(PLANT, _weather(1.0, temperature_c=40.0))

    assert cloudy.sum() < 0.6 * clear.sum()
    assert hot.sum() < 0.97 * clear.sum()


def test_power__twice_the_panels__twice_the_power() -> None:
    double = Plant("pv_01", peak_kw=60.0, tilt_deg=15.0, azimuth_deg=180.0)

    ratio = _day_kw(double, _weather(0.8)).sum() / _day_kw(PLANT, _weather(0.8)).sum()

    assert ratio == pytest.approx(2.0)


def test_weather__same_seed__same_hour_in_any_order() -> None:
    forward = [simulated_hour(SITE, 972, hour) for hour in HOURS]
    backward = [simulated_hour(SITE, 972, hour) for hour in reversed(HOURS)]

    assert forward == backward[::-1]
    assert forward != [simulated_hour(SITE, 1, hour) for hour in HOURS]


def test_weather__every_hour__plausible_for_the_tropics() -> None:
    for hour in HOURS:
        found = simulated_hour(SITE, 972, hour)
        assert 0 <= found.irradiance_w_m2 <= 1100
        assert 20 <= found.temperature_c <= 33
        assert 0 <= found.wind_m_s <= 15


def test_price__any_hour__repeats_and_is_no_less_than_zero() -> None:
    prices = [production_price(972, hour) for hour in HOURS]

    assert prices == [production_price(972, hour) for hour in HOURS]
    assert min(prices) >= 0
    assert len(set(prices)) > 12
