"""Configuration: every mistake names the file, the key, its value and what was expected."""

import json
from pathlib import Path

import pytest

from cariflex_service.reading import SettingsError, read_object, read_secret
from cariflex_service.sensor_map import read_sensor_map
from cariflex_service.settings import Listen, Model, User, read_model
from service_support import write_sensor_map

SENSOR = {"id": 81, "name": "irradiance", "unit": "W/m²", "resolution_s": 3600}


class Settings(Model):
    """A service's settings."""

    status: Listen
    user: User


def _raw(folder: Path) -> dict[str, object]:
    user = {"email": "weather@example.org", "password_file": str(folder / "password")}
    return {"status": {"host": "127.0.0.1", "port": 0}, "user": user}


def _written(path: Path, raw: object) -> Path:
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


def test_read_model__file_named_by_the_variable__is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARIFLEX_CONFIG", str(_written(tmp_path / "config.json", _raw(tmp_path))))
    (tmp_path / "password").write_text("of-a-user\n", encoding="utf-8")

    settings = read_model(Settings)

    assert (settings.status.host, settings.status.port) == ("127.0.0.1", 0)
    assert settings.user.password() == "of-a-user"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": {"host": "127.0.0.1", "port": 65536}}, "status.port: '65536'"),
        ({"colour": "blue"}, "colour: 'blue'"),
        ({"user": {"email": "a@example.org"}}, "user.password_file"),
    ],
)
def test_read_model__mistake__is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    path = _written(tmp_path / "config.json", {**_raw(tmp_path), **change})

    with pytest.raises(SettingsError, match=rf"config.json: {words}"):
        read_model(Settings, path)


@pytest.mark.parametrize(
    ("content", "words"), [("{", "expected a readable JSON file"), ("[]", "list; expected")]
)
def test_read_object__no_object__is_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "config.json").write_text(content)

    with pytest.raises(SettingsError, match=words):
        read_object(tmp_path / "config.json")


def test_read_secret__empty_or_missing__is_named(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(" \n")

    with pytest.raises(SettingsError, match="password: empty"):
        read_secret(tmp_path / "password")
    with pytest.raises(SettingsError, match="nothing: No such file"):
        read_secret(tmp_path / "nothing")


def test_sensor_map__as_deployed__is_read(tmp_path: Path) -> None:
    write_sensor_map(tmp_path / "sensor_map.json", [SENSOR])

    assert read_sensor_map(tmp_path / "sensor_map.json")["sensors"][0]["id"] == 81


def test_sensor_map__breaks_its_schema__place_is_named(tmp_path: Path) -> None:
    write_sensor_map(tmp_path / "sensor_map.json", [{**SENSOR, "id": "81"}])

    with pytest.raises(SettingsError, match=r"\$.sensors\[0\].id: '81' is not of type 'integer'"):
        read_sensor_map(tmp_path / "sensor_map.json")
