"""Configuration of the VTN."""

from pathlib import Path
from typing import Any

import pytest

from cariflex_openadr.settings import SettingsError, read_config
from cariflex_openadr.settings.vtn import vtn_settings
from support.vtn import raw_vtn_config


def test_vtn_settings__complete__converted() -> None:
    settings = vtn_settings(raw_vtn_config())
    assert settings.program.load_control is not None
    assert settings.program.load_control.duration.total_seconds() == 14400


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vtn_id": "cariflex_vtn"}, "452"),
        ({"vens": None}, "vens"),
        ({"poll_interval_s": "10"}, "poll_interval_s"),
        ({"vens": 2 * raw_vtn_config()["vens"]}, "repetition"),
    ],
)
def test_vtn_settings__wrong__named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        vtn_settings(raw_vtn_config() | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prices_eur_per_mwh": [1.0]}, "24 numbers"),
        ({"timezone": "Mars/Base"}, "IANA"),
        ({"load_control": {"start": "18:00", "duration_s": 90, "capacity": 0.5}}, "multiple of 60"),
        ({"load_control": {"start": "18:00", "duration_s": 60, "capacity": 2}}, "0 to 1"),
        ({"demand_response": {"start": "25:00", "duration_s": 60, "level": 1}}, "demand_response"),
    ],
)
def test_vtn_settings__wrong_program__named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        vtn_settings(raw_vtn_config(**change))


def test_read_config__no_json__path_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SettingsError, match=r"config\.json"):
        read_config(tmp_path / "config.json")
