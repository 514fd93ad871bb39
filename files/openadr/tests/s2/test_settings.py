"""s2.json: what is read, and what is refused with which words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cariflex_s2.domain.model import Range
from cariflex_s2.settings import read_settings
from cariflex_service.reading import SettingsError
from s2.configuration import configuration, scheduling, sensor_map, write_configuration


def test__read_settings__expands_the_mapping_table(tmp_path: Path) -> None:
    found = read_settings(write_configuration(tmp_path))
    assert sorted(found.resources) == ["battery_01", "battery_02"]
    second = found.resources["battery_02"]
    assert (second.fill_level.sensor_id, second.actual_power.sensor_id, second.schedule.sensor_id) == (
        52,
        1002,
        1022,
    )
    assert (second.asset, second.asset_id, second.poster) == ("Bat_02", 52, "SOC Simulator")
    assert second.limits_w == Range(-50_000, 50_000)
    assert found.scheduling is None


def test__read_settings__scheduling_names_sensors_by_id(tmp_path: Path) -> None:
    raw = configuration(tmp_path) | {"scheduling": scheduling(tmp_path)}
    found = read_settings(write_configuration(tmp_path, raw)).scheduling
    assert found is not None
    assert found.price_sensor_ids == (84, 85)
    assert found.flex_context["consumption-price"] == {"sensor": 84}
    assert found.flexmeasures.password == "a-password-of-no-use"


def _group(raw: dict[str, Any], **changes: Any) -> None:
    raw["resources"][0] |= changes


REFUSED: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (lambda raw: _group(raw, schedule_sensor="nothing"), "no sensor 'nothing'"),
    (lambda raw: _group(raw, actual_power_sensor="bat_{nn}_power"), "unit 'kWh'; expected 'kW'"),
    (lambda raw: _group(raw, fill_level_sensor="bat_{nn}_schedule"), "unit 'kW'; expected 'kWh'"),
    (lambda raw: _group(raw, min_power_kw=10), "expected min_power_kw <= 0"),
    (lambda raw: _group(raw, max_power_kw="fifty"), "expected kW as a number"),
    (lambda raw: _group(raw, baseline_kw=60), "baseline_kw 60.0; expected -50.0 to 50.0"),
    (lambda raw: _group(raw, count=3), "no sensor 'bat_03_power'"),
    (lambda raw: raw.update(resources=[]), "expected at least one row"),
    (lambda raw: raw.update(fill_level_interval_s=0), "expected seconds above 0"),
    (lambda raw: raw.update(tokens_file="/nowhere"), "/nowhere"),
    (lambda raw: raw.update(scheduling=[]), "expected an object or null"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test__read_settings__refuses(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    raw = configuration(tmp_path)
    change(raw)
    with pytest.raises(SettingsError) as refused:
        read_settings(write_configuration(tmp_path, raw))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ({"battery_01": "x" * 32}, "no token for battery_02"),
        ({"battery_01": "x" * 32, "battery_02": "x" * 32}, "share a token"),
        ({"battery_01": "x" * 32, "battery_02": "short"}, "token of battery_02 is too short"),
    ],
)
def test__read_settings__refuses_tokens(tmp_path: Path, tokens: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(write_configuration(tmp_path, **{"s2_tokens.json": tokens}))
    assert words in str(refused.value)
    assert "x" * 32 not in str(refused.value)


def test__read_settings__scheduling_needs_assets_with_an_id(tmp_path: Path) -> None:
    raw = configuration(tmp_path) | {"scheduling": scheduling(tmp_path)}
    bare = {**sensor_map(), "assets": sensor_map()["assets"][:1]}
    with pytest.raises(SettingsError, match=r"Bat_01.*have no id"):
        read_settings(write_configuration(tmp_path, raw, **{"sensor_map.json": bare}))
