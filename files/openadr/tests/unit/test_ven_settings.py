"""Configuration of the VEN: sensor map and secret."""

from pathlib import Path
from typing import Any

import pytest

from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.settings.ven import DEFAULT_DATABASE, TlsSettings, ven_settings
from cariflex_service.reading import SettingsError
from sensor_maps import sensor_map_of, write_sensor_map

SENSOR_ROWS = [
    {"id": 84, "name": "consumption_price", "unit": "EUR/MWh", "resolution_s": 3600},
    {"id": 86, "name": "load_control_signal", "unit": "%", "resolution_s": 60},
    {"id": 87, "name": "demand_response_signal", "unit": "dimensionless", "resolution_s": 60},
]


def raw_ven_config(directory: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    write_sensor_map(directory / "map.json", sensor_map_of(rows))
    (directory / "password").write_text("secret\n")
    return {
        "ven_name": "cariflex-ven",
        "ven_id": "v",
        "registration_id": "r",
        "vtn_url": "http://openadr-vtn:8080/OpenADR2/Simple/2.0b",
        "poll_interval_s": 10,
        "status": {"host": "127.0.0.1", "port": 8081},
        "flexmeasures": {
            "host": "flexmeasures-server",
            "port": 5000,
            "posters": [
                {
                    "name": name,
                    "email": f"{name.split()[0].lower()}@cariflex.internal",
                    "password_file": str(directory / "password"),
                }
                for name in ("OpenADR VTN", "SOC Simulator")
            ],
        },
        "sensor_map_file": str(directory / "map.json"),
        "sensors": {
            "price": "consumption_price",
            "load_control": "load_control_signal",
            "demand_response": "demand_response_signal",
        },
        "log_level": "info",
    }


def test_ven_settings__complete__sensors_and_secret_read(tmp_path: Path) -> None:
    settings = ven_settings(raw_ven_config(tmp_path, SENSOR_ROWS))
    assert settings.sensors[SignalKind.PRICE].sensor_id == 84
    assert settings.flexmeasures.own_poster == "OpenADR VTN"
    assert settings.flexmeasures.posters["SOC Simulator"].password == "secret"
    assert settings.database == DEFAULT_DATABASE


@pytest.mark.parametrize("names", [[], ["OpenADR VTN", "OpenADR VTN"]])
def test_ven_settings__no_poster_or_one_twice__refused(tmp_path: Path, names: list[str]) -> None:
    raw = raw_ven_config(tmp_path, SENSOR_ROWS)
    user = raw["flexmeasures"]["posters"][0]
    raw["flexmeasures"]["posters"] = [user | {"name": name} for name in names]
    with pytest.raises(SettingsError, match="no name twice"):
        ven_settings(raw)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (SENSOR_ROWS[1:], "0 sensors named"),
        ([{**SENSOR_ROWS[0], "unit": "EUR/kWh"}, *SENSOR_ROWS[1:]], "expected 'EUR/MWh'"),
        ([{**SENSOR_ROWS[0], "resolution_s": 0}, *SENSOR_ROWS[1:]], "expected minutes"),
    ],
)
def test_ven_settings__sensor_map_does_not_fit__named(
    tmp_path: Path, rows: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        ven_settings(raw_ven_config(tmp_path, rows))


def test_ven_settings__sensor_map_breaks_its_schema__place_named(tmp_path: Path) -> None:
    raw = raw_ven_config(tmp_path, [{**SENSOR_ROWS[0], "id": "84"}, *SENSOR_ROWS[1:]])
    with pytest.raises(SettingsError, match=r"map.json: \$.sensors\[0\].id: '84' is not of type 'integer'"):
        ven_settings(raw)


def test_ven_settings__schema_missing__path_named(tmp_path: Path) -> None:
    raw = raw_ven_config(tmp_path, SENSOR_ROWS)
    (tmp_path / "sensor_map.schema.json").unlink()
    with pytest.raises(SettingsError, match=r"sensor_map\.schema\.json: .*expected a readable JSON file"):
        ven_settings(raw)


def test_ven_settings__tls_and_signing__read(tmp_path: Path) -> None:
    raw = raw_ven_config(tmp_path, SENSOR_ROWS)
    files = {"certificate_file": "/run/secrets/c", "key_file": "/run/secrets/k"}
    raw["tls"] = files | {"ca_file": "/run/secrets/ca"}
    raw["signing"] = files | {"vtn_fingerprints": ["0a:1b:2c:3d:4e:5f:60:71:82:93"]}
    settings = ven_settings(raw)
    assert settings.tls == TlsSettings(
        Path("/run/secrets/ca"), Path("/run/secrets/c"), Path("/run/secrets/k")
    )
    assert settings.signing is not None
    assert settings.signing.vtn_fingerprints == {"0A:1B:2C:3D:4E:5F:60:71:82:93"}


@pytest.mark.parametrize("fingerprints", [[], ["0A:1B"], ["not one"]])
def test_ven_settings__signing_without_the_vtns_fingerprint__refused(
    tmp_path: Path, fingerprints: list[str]
) -> None:
    raw = raw_ven_config(tmp_path, SENSOR_ROWS)
    raw["signing"] = {"certificate_file": "c", "key_file": "k", "vtn_fingerprints": fingerprints}
    with pytest.raises(SettingsError, match="expected ten bytes"):
        ven_settings(raw)


def test_ven_settings__secret_missing__path_named(tmp_path: Path) -> None:
    raw = raw_ven_config(tmp_path, SENSOR_ROWS)
    (tmp_path / "password").unlink()
    with pytest.raises(SettingsError, match="secret file"):
        ven_settings(raw)
