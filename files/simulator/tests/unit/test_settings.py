"""Configuration: every mistake names the key, its value and what was expected."""

import json
from pathlib import Path
from typing import Any

import pytest

from cariflex_service.reading import SettingsError
from cariflex_simulator.settings import read_sensors, read_settings, read_tokens
from configuration import BATTERY, device_row
from service_support import write_sensor_map
from support import sensor_rows, settings_in, written_config


def test_settings__whole_configuration__is_read(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)

    assert len(settings.devices) == 20
    assert read_sensors(settings)["bat_01_power"].id == 51
    assert set(read_tokens(settings)) == {device.id for device in settings.devices}
    assert settings.flexmeasures.users["Simulated"].password() == "of-a-posting-user"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"timezone": "Martinique"}, "timezone"),
        ({"interval_s": 420}, "expected seconds that divide an hour"),
        ({"sead": 1}, "sead"),
        ({"devices": [device_row("battery", 1, "plain")] * 2}, "battery_01"),
        ({"devices": [device_row("battery", 1, "modbus")]}, "modbus"),
        ({"history_days": 0}, "history_days"),
    ],
)
def test_settings__mistake__is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = written_config(tmp_path, **changes)

    with pytest.raises(SettingsError, match=words):
        read_settings(path)


def test_settings__contradicting_nameplate__is_named(tmp_path: Path) -> None:
    battery = json.loads(written_config(tmp_path).read_text())["battery"]
    path = written_config(tmp_path, battery={**battery, "storage": {**BATTERY, "charge_efficiency": 1.3}})

    with pytest.raises(SettingsError, match=r"charge_efficiency: 1.3; expected"):
        read_settings(path)


def test_sensors__missing_in_the_map__are_named(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, price_sensor="price_of_tea")

    with pytest.raises(SettingsError, match="price_of_tea"):
        read_sensors(settings)


def test_sensors__map_breaks_its_schema__place_is_named(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    write_sensor_map(settings.sensor_map_file, [{**sensor_rows()[0], "id": "41"}])

    with pytest.raises(SettingsError, match=r"\$.sensors\[0\].id: '41' is not of type 'integer'"):
        read_sensors(settings)


def test_tokens__missing_for_a_device__is_named(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    (tmp_path / "tokens.json").write_text('{"battery_01": "x"}')

    with pytest.raises(SettingsError, match="battery_02"):
        read_tokens(settings)
