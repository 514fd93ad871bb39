"""The client against the double: real HTTP, Open-Meteo's binary format, cache, failures."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cariflex_weather.clients.open_meteo import OpenMeteoClient, OpenMeteoError
from support import HOUR, NOON, OpenMeteoDouble, mark, served, settings_in


@pytest.fixture
def open_meteo() -> Iterator[OpenMeteoDouble]:
    with served(OpenMeteoDouble()) as found:
        yield found


def _client(folder: Path, double: OpenMeteoDouble) -> OpenMeteoClient:
    settings = settings_in(folder, double.url)
    return OpenMeteoClient(settings.open_meteo, settings.site, settings.interval_s)


def test_outlook__irradiance__belongs_to_the_hour_before_its_time(
    tmp_path: Path, open_meteo: OpenMeteoDouble
) -> None:
    """Open-Meteo's radiation is the mean of the preceding hour, temperature holds at its time."""
    outlook = _client(tmp_path, open_meteo).outlook(past_days=1, forecast_hours=48)

    hour = NOON.replace(minute=0, second=0)
    assert outlook.series["temperature"][hour] == mark(hour)
    assert outlook.series["irradiance"][hour - HOUR] == 10 * mark(hour)


def test_outlook__question__asks_for_utc_metres_a_second_and_enough_days(
    tmp_path: Path, open_meteo: OpenMeteoDouble
) -> None:
    outlook = _client(tmp_path, open_meteo).outlook(past_days=2, forecast_hours=48)

    question = open_meteo.questions[0]
    assert question["timezone"] == ["UTC"]
    assert question["wind_speed_unit"] == ["ms"]
    assert (question["latitude"], question["longitude"]) == (["14.6"], ["-61.0"])
    ahead = max(outlook.series["temperature"])
    assert ahead >= NOON + 48 * HOUR - HOUR


def test_outlook__asked_again_soon__comes_from_the_cache_with_its_own_age(
    tmp_path: Path, open_meteo: OpenMeteoDouble
) -> None:
    """Also after a restart: a service that crashes over and over must not press Open-Meteo."""
    first = _client(tmp_path, open_meteo).outlook(past_days=1, forecast_hours=48)
    second = _client(tmp_path, open_meteo).outlook(past_days=1, forecast_hours=48)

    assert len(open_meteo.questions) == 1
    assert second.known_at == first.known_at
    assert second.series["temperature"] == first.series["temperature"]
    assert datetime.now(UTC) - first.known_at < timedelta(minutes=1)


@pytest.mark.parametrize("status", [400, 429, 503])
def test_outlook__refused_or_failing__is_an_error_and_not_cached(
    tmp_path: Path, open_meteo: OpenMeteoDouble, status: int
) -> None:
    open_meteo.status = status
    client = _client(tmp_path, open_meteo)
    with pytest.raises(OpenMeteoError, match=r"127\.0\.0\.1"):
        client.outlook(past_days=1, forecast_hours=48)

    open_meteo.status = 200

    assert client.outlook(past_days=1, forecast_hours=48).series["temperature"]


def test_outlook__passing_failure__is_retried(tmp_path: Path, open_meteo: OpenMeteoDouble) -> None:
    open_meteo.status = 503
    with pytest.raises(OpenMeteoError):
        _client(tmp_path, open_meteo).outlook(past_days=1, forecast_hours=48)

    assert len(open_meteo.questions) == 2


def test_outlook__portal_instead_of_weather__is_an_error(tmp_path: Path, open_meteo: OpenMeteoDouble) -> None:
    open_meteo.garbage = True

    with pytest.raises(OpenMeteoError):
        _client(tmp_path, open_meteo).outlook(past_days=1, forecast_hours=48)


def test_outlook__nobody_there__is_an_error(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    client = OpenMeteoClient(settings.open_meteo, settings.site, settings.interval_s)

    with pytest.raises(OpenMeteoError, match=r"127\.0\.0\.1:1"):
        client.outlook(past_days=1, forecast_hours=48)
