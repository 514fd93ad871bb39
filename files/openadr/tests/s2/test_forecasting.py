"""When FlexMeasures is asked for forecasts, and what happens when it fails. The server is a double."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cariflex_s2.clients.flexmeasures import FlexMeasuresError, Values
from cariflex_s2.forecasting import Forecaster
from cariflex_s2.metrics import Metrics
from cariflex_s2.settings import Forecasts, read_settings
from cariflex_service.reading import SettingsError
from s2.configuration import configuration, scheduling, sensor_map, write_configuration
from s2.devices import NOON
from sensor_maps import SENSOR

HOUR = timedelta(hours=1)
PLANTS = [
    SENSOR
    | {
        "id": 40 + number,
        "name": f"pv_0{number}_power",
        "unit": "kW",
        "resolution_s": 300,
        "sign": "production",
        "asset": "Bat_01",
        "source": "Production Simulator",
    }
    for number in (1, 2)
]
FORECASTS = {
    "interval_s": 6 * 3600,
    "check_interval_s": 60,
    "horizon_s": 24 * 3600,
    "sensors": ["pv_01_power", "pv_02_power"],
    "regressors": ["production_price"],
    "config": {"train-period": "P7D"},
}


@dataclass
class FlexMeasuresDouble:
    """Keeps forecasts, or fails; the job of a sensor in ``lazy`` ends well and stores nothing."""

    now: datetime = NOON + timedelta(minutes=7)
    until: dict[int, datetime] = field(default_factory=dict)
    asked: list[tuple[int, timedelta, dict[str, Any]]] = field(default_factory=list)
    failing: set[int] = field(default_factory=set)
    lazy: set[int] = field(default_factory=set)

    async def schedule(self, *_: Any, **__: Any) -> None:
        """Not asked for here."""

    async def forecast(self, sensor_id: int, duration: timedelta, config: dict[str, Any]) -> None:
        self.asked.append((sensor_id, duration, config))
        if sensor_id in self.failing:
            raise FlexMeasuresError("not enough data")
        if sensor_id not in self.lazy:
            self.until[sensor_id] = self.now + duration

    async def values(
        self, sensor_id: int, start: datetime, duration: timedelta, unit: str, resolution: timedelta
    ) -> Values:
        assert (unit, sensor_id in (41, 42)) == ("kW", True)
        assert start == start.replace(minute=0, second=0)
        known = (self.until.get(sensor_id, start) - start) // HOUR
        return Values(start, tuple(1.0 if n < known else None for n in range(duration // resolution)))

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Bench:
    forecaster: Forecaster
    server: FlexMeasuresDouble

    async def look(self, **later: float) -> list[int]:
        """Let time pass and look; the sensors that were asked for."""
        self.server.now += timedelta(**later)
        before = len(self.server.asked)
        await self.forecaster.check()
        return [sensor_id for sensor_id, _, _ in self.server.asked[before:]]


def _settings(folder: Path, **changes: Any) -> Forecasts:
    raw = configuration(folder)
    raw["scheduling"] = {**scheduling(folder), "forecasts": {**FORECASTS, **changes}}
    table = sensor_map()
    table["sensors"] += PLANTS
    found = read_settings(write_configuration(folder, raw, **{"sensor_map.json": table})).scheduling
    assert found is not None
    assert found.forecasts is not None
    return found.forecasts


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    server = FlexMeasuresDouble()
    return Bench(Forecaster(_settings(tmp_path), server, Metrics(), lambda: server.now), server)


async def test__forecaster__asks_for_every_sensor_with_its_configuration(bench: Bench) -> None:
    assert await bench.look() == [41, 42]

    _, duration, config = bench.server.asked[0]
    assert duration == timedelta(days=1)
    assert config == {"train-period": "P7D", "future-regressors": [85]}
    assert bench.forecaster.known_until["pv_01_power"] == NOON + timedelta(days=1)


async def test__forecaster__asks_again_at_intervals_and_not_between(bench: Bench) -> None:
    await bench.look()

    assert await bench.look(hours=1) == []
    assert await bench.look(hours=4.9) == []
    assert await bench.look(hours=0.2) == [41, 42]


async def test__forecaster__after_a_restart__does_not_repeat_what_is_stored(bench: Bench) -> None:
    bench.server.until = {41: NOON + timedelta(days=1), 42: NOON + timedelta(hours=3)}

    assert await bench.look() == [42]


async def test__forecaster__a_failure_is_told_and_the_last_good_forecast_holds(bench: Bench) -> None:
    await bench.look()
    bench.server.failing = {41}

    assert await bench.look(hours=6.1) == [41, 42]

    assert bench.server.until[41] == NOON + timedelta(days=1, minutes=7)
    words = "pv_01_power: no new forecast, the last good one holds: not enough data"
    assert bench.forecaster.problem == words
    assert await bench.look(minutes=5) == []
    bench.server.failing = set()
    assert await bench.look(minutes=11) == [41]
    assert bench.forecaster.problem == ""


async def test__forecaster__job_that_stores_nothing__is_told(bench: Bench) -> None:
    bench.server.lazy = {42}

    await bench.look()

    assert "pv_02_power: no new forecast" in bench.forecaster.problem
    assert "pv_01_power" not in bench.forecaster.problem


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sensors": ["pv_03_power"]}, "pv_03_power"),
        ({"regressors": ["sunshine"]}, "sunshine"),
        ({"horizon_s": 3600}, "horizon_s: 3600; expected more than interval_s"),
    ],
)
def test__settings__mistake__is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        _settings(tmp_path, **changes)
