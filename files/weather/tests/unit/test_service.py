"""Rounds: who posts what, with which belief time; outage, return, restart."""

import math
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from cariflex_weather.api import StatusApi
from cariflex_weather.clients.open_meteo import OpenMeteoError
from cariflex_weather.service import WeatherService
from cariflex_weather.settings import read_sensors
from cariflex_weather.weather import QUANTITIES, Outlook
from service_support import FlexMeasuresDouble, TurnableClock
from support import CLEAR_SKY, HOUR, NOON, OPEN_METEO, settings_in

FULL_HOUR = NOON.replace(minute=0, second=0)


class Source:
    """A source of outlooks that the test commands; values are 1, 2, 3 and on with each answer."""

    def __init__(self, clock: TurnableClock) -> None:
        self.clock, self.down, self.answers = clock, False, 0
        self.past_days: list[int] = []
        self.gap: datetime | None = None

    def outlook(self, past_days: int, forecast_hours: int) -> Outlook:
        self.past_days.append(past_days)
        if self.down:
            raise OpenMeteoError("no route to host")
        self.answers += 1
        now = self.clock()
        begin = now.replace(minute=0, second=0) - timedelta(days=past_days)
        hours = [begin + n * HOUR for n in range(24 * past_days + forecast_hours + 1)]
        values = {hour: math.nan if hour == self.gap else float(self.answers) for hour in hours}
        return Outlook(now, {quantity: dict(values) for quantity in QUANTITIES})


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock(NOON)


@pytest.fixture
def source(clock: TurnableClock) -> Source:
    return Source(clock)


@pytest.fixture
def double() -> FlexMeasuresDouble:
    return FlexMeasuresDouble()


@pytest.fixture
def service(
    tmp_path: Path, clock: TurnableClock, source: Source, double: FlexMeasuresDouble
) -> WeatherService:
    settings = settings_in(tmp_path)
    return WeatherService(settings, read_sensors(settings), source, double, clock)


async def test_round__first__past_as_observed_future_as_forecast(
    service: WeatherService, double: FlexMeasuresDouble
) -> None:
    assert await service.round()

    found = double.values(82, OPEN_METEO)
    assert (min(found), max(found)) == (FULL_HOUR - timedelta(days=2), FULL_HOUR + 47 * HOUR)
    for begin, beliefs in found.items():
        [(belief_time, _)] = beliefs
        observed = begin + HOUR <= belief_time
        assert observed == (begin < FULL_HOUR)


async def test_round__each_quantity__to_its_sensor_in_its_unit(
    service: WeatherService, double: FlexMeasuresDouble
) -> None:
    await service.round()

    assert {(post.sensor_id, post.unit) for post in double.posts} == {
        (81, "W/m²"),
        (82, "°C"),
        (83, "m/s"),
    }


async def test_rounds__hour_by_hour__each_hour_is_observed_once_after_its_forecasts(
    service: WeatherService, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    for _ in range(4):
        await service.round()
        clock.forward(hours=1)

    beliefs = double.values(82, OPEN_METEO)[FULL_HOUR]
    horizons = [FULL_HOUR + HOUR - belief_time for belief_time, _ in beliefs]
    assert [horizon > timedelta(0) for horizon in horizons] == [True, False]
    old = double.values(82, OPEN_METEO)[FULL_HOUR - 5 * HOUR]
    assert len(old) == 1


async def test_round__same_answer_again__posts_nothing(
    service: WeatherService, double: FlexMeasuresDouble
) -> None:
    await service.round()
    before = len(double.posts)

    await service.round()

    assert len(double.posts) == before


async def test_round__gap_in_the_answer__is_left_out(
    service: WeatherService, source: Source, double: FlexMeasuresDouble
) -> None:
    source.gap = FULL_HOUR + 3 * HOUR

    await service.round()

    found = double.values(83, OPEN_METEO)
    assert FULL_HOUR + 3 * HOUR not in found
    assert {FULL_HOUR + 2 * HOUR, FULL_HOUR + 4 * HOUR} <= set(found)


async def test_round__no_internet__clear_sky_under_its_own_name(
    service: WeatherService, source: Source, double: FlexMeasuresDouble
) -> None:
    source.down = True

    assert not await service.round()

    assert {post.source for post in double.posts} == {CLEAR_SKY}
    irradiance = double.values(81, CLEAR_SKY)
    night, noon = FULL_HOUR.replace(hour=4) + 24 * HOUR, FULL_HOUR + 24 * HOUR
    assert irradiance[night][0][1] == 0
    assert 700 < irradiance[noon][0][1] < 1050
    assert 20 < double.values(82, CLEAR_SKY)[noon][0][1] < 33
    assert service.in_use == CLEAR_SKY


async def test_round__clear_sky__claims_to_have_observed_nothing(
    service: WeatherService, source: Source, double: FlexMeasuresDouble
) -> None:
    source.down = True
    await service.round()

    for sensor_id in (81, 82, 83):
        for begin, [(belief_time, _)] in double.values(sensor_id, CLEAR_SKY).items():
            assert belief_time < begin + HOUR


async def test_round__long_outage__clear_sky_once_an_hour(
    service: WeatherService, source: Source, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    source.down = True
    for _ in range(12):
        await service.round()
        clock.forward(minutes=10)

    assert len(double.posts) == 3 * 3  # 16:20 to 18:10 touch three hours


async def test_round__internet_returns__the_outage_is_filled_with_observations(
    service: WeatherService, source: Source, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    await service.round()
    source.down = True
    clock.forward(hours=30)
    await service.round()
    source.down = False
    clock.forward(minutes=10)

    assert await service.round()

    assert source.past_days[-1] == 2
    beliefs = double.values(81, OPEN_METEO)[FULL_HOUR + 20 * HOUR]
    assert beliefs[-1][0] >= FULL_HOUR + 21 * HOUR
    assert service.in_use == OPEN_METEO


async def test_round__flexmeasures_down__nothing_is_taken_for_posted(
    service: WeatherService, double: FlexMeasuresDouble, clock: TurnableClock
) -> None:
    double.down = True
    assert not await service.round()
    double.down = False
    clock.forward(minutes=10)

    assert await service.round()

    assert min(double.values(82, OPEN_METEO)) == FULL_HOUR - timedelta(days=2)


async def test_restart__state_kept__past_is_not_posted_again(
    tmp_path: Path, service: WeatherService, source: Source, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    await service.round()
    double.posts.clear()
    clock.forward(hours=1)
    settings = settings_in(tmp_path)

    await WeatherService(settings, read_sensors(settings), source, double, clock).round()

    assert min(double.values(82, OPEN_METEO)) == FULL_HOUR


async def test_api__health_status_metrics__say_which_source_stands_in(
    service: WeatherService, source: Source, clock: TurnableClock
) -> None:
    source.down = True
    async with TestClient(TestServer(StatusApi(service).app)) as client:
        before = (await client.get("/healthz")).status
        await service.round()
        status = await (await client.get("/status")).json()
        metrics = await (await client.get("/metrics")).text()
        after = (await client.get("/healthz")).status
        clock.forward(hours=2)
        stuck = (await client.get("/healthz")).status

    assert (before, after, stuck) == (503, 200, 503)
    assert status["source"] == CLEAR_SKY
    assert "no route to host" in status["open_meteo_error"]
    assert "cariflex_weather_clear_sky 1.0" in metrics
