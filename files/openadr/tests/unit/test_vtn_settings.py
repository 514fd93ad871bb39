"""Configuration of the VTN."""

from pathlib import Path
from typing import Any

import pytest

from cariflex_openadr.settings import read_config
from cariflex_openadr.settings.vtn import vtn_settings
from cariflex_service.reading import SettingsError
from support.vtn import TOKEN, program, raw_vtn_config


def test_vtn_settings__complete__converted(tmp_path: Path) -> None:
    settings = vtn_settings(raw_vtn_config(tmp_path))
    assert settings.program.profile.load_control is not None
    assert settings.program.profile.load_control.duration.total_seconds() == 14400
    assert settings.admin_token == TOKEN


def test_vtn_settings__database_certificate__only_where_given(tmp_path: Path) -> None:
    raw = raw_vtn_config(tmp_path)
    assert vtn_settings(raw).database.ca_file is None

    raw["database"] |= {"ca_file": "/etc/cariflex-database/server.crt"}

    assert vtn_settings(raw).database.ca_file == "/etc/cariflex-database/server.crt"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vtn_id": "cariflex_vtn"}, "452"),
        ({"vens": None}, "vens"),
        ({"poll_interval_s": "10"}, "poll_interval_s"),
        ({"vens": 2 * [{"ven_name": "a", "ven_id": "b", "registration_id": "c"}]}, "repetition"),
        ({"admin_token_file": "/nowhere"}, "secret file /nowhere"),
        ({"database": {"host": "db"}}, "port"),
    ],
)
def test_vtn_settings__wrong__named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        vtn_settings(raw_vtn_config(tmp_path) | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key_type": "dsa"}, "key_type: 'dsa'"),
        ({"tls": {"host": "127.0.0.1", "port": 8443}, "tls_names": []}, "tls_names"),
        ({"requests_per_s": 0}, "more than 0"),
    ],
)
def test_vtn_settings__wrong_security__named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    raw = raw_vtn_config(tmp_path)
    raw["security"] |= change
    with pytest.raises(SettingsError, match=words):
        vtn_settings(raw)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prices_eur_per_mwh": [1.0]}, "24 numbers"),
        ({"timezone": "Mars/Base"}, "IANA"),
        ({"load_control": {"start": "18:00", "duration_s": 90, "capacity": 0.5}}, "multiple of 60"),
        ({"load_control": {"start": "18:00", "duration_s": 60, "capacity": 2}}, "0 to 1"),
        ({"demand_response": {"start": "25:00", "duration_s": 60, "level": 1}}, "demand_response"),
        ({"day_ahead_at": "noon"}, "HH:MM"),
    ],
)
def test_vtn_settings__wrong_program__named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        program(**change)


def test_read_config__no_json__path_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SettingsError, match=r"config\.json"):
        read_config(tmp_path / "config.json")
