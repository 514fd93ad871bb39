"""The only reader of configuration: the JSON file CARIFLEX_CONFIG names, secrets from files it points to."""

import json
import os
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.program import HOURS, DailyWindow, Program
from cariflex_openadr.domain.rules import RuleError, check_value
from cariflex_openadr.domain.units import SENSOR_UNITS

CONFIG_VARIABLE = "CARIFLEX_CONFIG"
DEFAULT_CONFIG = "/etc/cariflex/config.json"


class SettingsError(ValueError):
    """The configuration cannot be used; the message names the key, its value and what was expected."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Address and port of a listening socket."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class VenIdentity:
    """A VEN as the VTN knows it. The fixed registration id lets polls go on after a VTN restart."""

    ven_name: str
    ven_id: str
    registration_id: str


@dataclass(frozen=True, slots=True)
class VtnSettings:
    """Settings of the VTN."""

    vtn_id: str
    openadr: Listen
    operator: Listen
    poll_interval: timedelta
    vens: tuple[VenIdentity, ...]
    program: Program
    log_level: str


@dataclass(frozen=True, slots=True)
class SensorRef:
    """A FlexMeasures sensor that takes one kind of signal."""

    sensor_id: int
    unit: str
    resolution: timedelta


@dataclass(frozen=True, slots=True)
class FlexMeasuresSettings:
    """Where values go: host without scheme, port, and the posting user."""

    host: str
    port: int
    ssl: bool
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class VenSettings:
    """Settings of the VEN."""

    ven_name: str
    ven_id: str
    registration_id: str
    vtn_url: str
    poll_interval: timedelta
    status: Listen
    flexmeasures: FlexMeasuresSettings
    sensors: dict[SignalKind, SensorRef]
    log_level: str


def config_path() -> Path:
    """Path of the configuration file."""
    return Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))


def read_config(path: Path | None = None) -> dict[str, Any]:
    """The configuration as JSON object. Raises SettingsError."""
    return _read_object(path or config_path())


def vtn_settings(raw: dict[str, Any]) -> VtnSettings:
    """Check and convert the VTN's configuration. Raises SettingsError."""
    vtn_id = _text(raw, "vtn_id")
    if vtn_id.islower():
        raise SettingsError(f"vtn_id: {vtn_id!r}; expected an upper-case letter, VENs refuse others with 452")
    vens = tuple(
        VenIdentity(_text(item, "ven_name"), _text(item, "ven_id"), _text(item, "registration_id"))
        for item in _list(raw, "vens")
    )
    for key in ("ven_name", "ven_id", "registration_id"):
        found = [getattr(ven, key) for ven in vens]
        if len(set(found)) != len(found):
            raise SettingsError(f"vens: {key} {found}; expected no repetition")
    return VtnSettings(
        vtn_id=vtn_id,
        openadr=_listen(raw, "openadr"),
        operator=_listen(raw, "operator"),
        poll_interval=timedelta(seconds=_number(raw, "poll_interval_s")),
        vens=vens,
        program=_program(_object(raw, "program")),
        log_level=_text(raw, "log_level"),
    )


def ven_settings(raw: dict[str, Any]) -> VenSettings:
    """Check and convert the VEN's configuration, and read the sensor map and the password it points to."""
    flexmeasures = _object(raw, "flexmeasures")
    return VenSettings(
        ven_name=_text(raw, "ven_name"),
        ven_id=_text(raw, "ven_id"),
        registration_id=_text(raw, "registration_id"),
        vtn_url=_text(raw, "vtn_url").rstrip("/"),
        poll_interval=timedelta(seconds=_number(raw, "poll_interval_s")),
        status=_listen(raw, "status"),
        flexmeasures=FlexMeasuresSettings(
            host=_text(flexmeasures, "host"),
            port=int(_number(flexmeasures, "port")),
            ssl=bool(flexmeasures.get("ssl", False)),
            email=_text(flexmeasures, "email"),
            password=_secret(_text(flexmeasures, "password_file")),
        ),
        sensors=_sensors(Path(_text(raw, "sensor_map_file")), _object(raw, "sensors")),
        log_level=_text(raw, "log_level"),
    )


def listen_address(source: dict[str, Any] | str, key: str = "") -> Listen:
    """Where a service listens: ``key`` of its configuration, or ``HOST:PORT``. Raises SettingsError."""
    if not isinstance(source, str):
        return _listen(source, key)
    host, _, port = source.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError(f"address: {source!r}; expected HOST:PORT")
    return Listen(host, int(port))


def _program(raw: dict[str, Any]) -> Program:
    try:
        zone = ZoneInfo(_text(raw, "timezone"))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"program.timezone: {raw['timezone']!r}; expected an IANA zone") from error
    prices = tuple(_list(raw, "prices_eur_per_mwh"))
    if len(prices) != HOURS or not all(_is_number(price) for price in prices):
        raise SettingsError(f"program.prices_eur_per_mwh: {list(prices)}; expected {HOURS} numbers")
    contexts = _object(raw, "market_contexts")
    found = {kind: _text(contexts, kind.value) for kind in SignalKind}
    if len(set(found.values())) != len(found):
        raise SettingsError(f"program.market_contexts: {contexts}; expected one for each kind of signal")
    return Program(
        timezone=zone,
        prices=tuple(float(price) for price in prices),
        load_control=_window(raw, SignalKind.LOAD_CONTROL, "capacity"),
        demand_response=_window(raw, SignalKind.DEMAND_RESPONSE, "level"),
        market_contexts=found,
    )


def _window(program: dict[str, Any], kind: SignalKind, value_key: str) -> DailyWindow | None:
    raw = program.get(kind.value)
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise SettingsError(f"program.{kind}: {raw!r}; expected an object or null")
    value, duration_s = _number(raw, value_key), _number(raw, "duration_s")
    if duration_s <= 0 or duration_s % 60 or duration_s > 86400:
        raise SettingsError(f"program.{kind}.duration_s: {duration_s}; expected a multiple of 60 up to 86400")
    try:
        check_value(kind, value)
        start = time.fromisoformat(_text(raw, "start"))
    except (RuleError, ValueError) as error:
        raise SettingsError(f"program.{kind}: {error}") from error
    return DailyWindow(start, timedelta(seconds=duration_s), value)


def _sensors(path: Path, names: dict[str, Any]) -> dict[SignalKind, SensorRef]:
    listed = _read_object(path).get("sensors", [])
    found: dict[SignalKind, SensorRef] = {}
    for kind in SignalKind:
        name = _text(names, kind.value)
        rows = [row for row in listed if row["name"] == name]
        if len(rows) != 1:
            raise SettingsError(f"{path}: {len(rows)} sensors named {name!r}; expected exactly one")
        row = rows[0]
        if row["unit"] != SENSOR_UNITS[kind]:
            expected = SENSOR_UNITS[kind]
            raise SettingsError(f"{path}: sensor {name!r} has unit {row['unit']!r}; expected {expected!r}")
        if row["resolution_s"] <= 0 or row["resolution_s"] % 60:
            raise SettingsError(f"{path}: {name!r} has resolution_s {row['resolution_s']}; expected minutes")
        found[kind] = SensorRef(int(row["id"]), row["unit"], timedelta(seconds=row["resolution_s"]))
    return found


def _read_object(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}; expected a readable JSON file") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: {type(raw).__name__}; expected a JSON object")
    return raw


def _secret(path: str) -> str:
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"secret file {path}: {error.strerror}; expected a readable file") from error
    if not value:
        raise SettingsError(f"secret file {path}: empty; expected one value")
    return value


def _listen(raw: dict[str, Any], key: str) -> Listen:
    item = _object(raw, key)
    return Listen(_text(item, "host"), int(_number(item, "port")))


def _text(raw: dict[str, Any], key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{key}: {value!r}; expected a text")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(raw: dict[str, Any], key: str) -> float:
    value = raw.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise SettingsError(f"{key}: {value!r}; expected a number of 0 or more")
    return value


def _object(raw: dict[str, Any], key: str) -> dict[str, Any]:
    value = raw.get(key)
    if not isinstance(value, dict):
        raise SettingsError(f"{key}: {value!r}; expected an object")
    return value


def _list(raw: dict[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    if not isinstance(value, list):
        raise SettingsError(f"{key}: {value!r}; expected a list")
    return value
