"""Configuration: every mistake names the key, its value and what was expected."""

import json
from pathlib import Path
from typing import Any

import pytest

from cariflex_service.reading import SettingsError
from cariflex_weather.settings import read_sensors, read_settings
from service_support import write_sensor_map
from support import raw_config, sensor_rows, settings_in


def test_settings__whole_configuration__is_read(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)

    assert {name: sensor.id for name, sensor in read_sensors(settings).items()} == {
        "irradiance": 81,
        "temperature": 82,
        "wind": 83,
    }
    assert settings.flexmeasures.clear_sky.password() == "of-a-posting-user"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("interval_s", 60),
        ("forecast_hours", 0),
        ("past_days", 400),
        ("log_level", "loud"),
        ("colour", "blue"),
    ],
)
def test_settings__mistake__is_named(tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**raw_config(tmp_path, "http://127.0.0.1:1/"), key: value}), encoding="utf-8")

    with pytest.raises(SettingsError, match=f"{key}: '{value}'"):
        read_settings(path)


@pytest.mark.parametrize("change", [{"unit": "kW"}, {"resolution_s": 300}, {"name": "sunshine"}])
def test_sensors__other_than_expected__are_named(tmp_path: Path, change: dict[str, Any]) -> None:
    settings = settings_in(tmp_path)
    rows = sensor_rows()
    rows[0] |= change
    write_sensor_map(settings.sensor_map_file, rows)

    with pytest.raises(SettingsError, match=r"'irradiance'.*expected one in W/m²"):
        read_sensors(settings)


def test_sensors__map_breaks_its_schema__place_is_named(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    write_sensor_map(settings.sensor_map_file, [{**sensor_rows()[0], "id": "81"}])

    with pytest.raises(SettingsError, match=r"\$.sensors\[0\].id: '81' is not of type 'integer'"):
        read_sensors(settings)
