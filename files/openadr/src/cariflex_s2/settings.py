"""The only reader of configuration: s2.json, the sensor map and the secret files that it points to."""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cariflex_openadr.settings.reading import (
    Listen,
    is_number,
    items,
    listen_address,
    number,
    obj,
    secret,
    text,
)
from cariflex_s2.domain.model import Range
from cariflex_s2.resource import Resource, Sensor
from cariflex_service.reading import SettingsError, read_object
from cariflex_service.sensor_map import read_sensor_map

CONFIG_VARIABLE = "CARIFLEX_S2_CONFIG"
DEFAULT_CONFIG = "/etc/cariflex/s2.json"
NUMBER = "{nn}"
TOKEN_LENGTH = 24


@dataclass(frozen=True, slots=True)
class FlexMeasures:
    """The server that schedules: host without scheme, port, and the user that triggers."""

    host: str
    port: int
    ssl: bool
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Which sensors FlexMeasures forecasts, by name; ``config`` is its forecaster's."""

    interval: timedelta
    check_interval: timedelta
    horizon: timedelta
    sensors: dict[str, Sensor]
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scheduling:
    """When and how far FlexMeasures schedules. ``flex_context`` goes with every trigger."""

    flexmeasures: FlexMeasures
    interval: timedelta
    check_interval: timedelta
    horizon: timedelta
    price_sensor_ids: tuple[int, ...]
    flex_context: dict[str, Any]
    forecasts: Forecasts | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the service."""

    listen: Listen
    status: Listen
    ven_database: Path
    ledger: Path
    resources: dict[str, Resource]
    tokens: dict[str, str]
    fill_level_interval: timedelta
    scheduling: Scheduling | None
    log_level: str


def config_path() -> Path:
    """Path of the configuration file."""
    return Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))


def read_settings(path: Path | None = None) -> Settings:
    """Read and check everything. Raises SettingsError."""
    raw = read_object(path or config_path())
    tables = _tables(Path(text(raw, "sensor_map_file")))
    resources = {row.resource_id: row for item in items(raw, "resources") for row in _resources(item, tables)}
    if not resources:
        raise SettingsError("resources: []; expected at least one row")
    tokens = _tokens(Path(text(raw, "tokens_file")), resources)
    scheduling = raw.get("scheduling")
    return Settings(
        listen=listen_address(raw, "listen"),
        status=listen_address(raw, "status"),
        ven_database=Path(text(raw, "ven_database_file")),
        ledger=Path(text(raw, "ledger_file")),
        resources=resources,
        tokens=tokens,
        fill_level_interval=_seconds(raw, "fill_level_interval_s"),
        scheduling=None if scheduling is None else _scheduling(scheduling, tables, resources),
        log_level=text(raw, "log_level"),
    )


@dataclass(frozen=True, slots=True)
class _Tables:
    """The sensor map: sensors by name, and the ids of assets by name."""

    sensors: dict[str, dict[str, Any]]
    asset_ids: dict[str, int]


def _tables(path: Path) -> _Tables:
    raw = read_sensor_map(path)
    return _Tables(
        {row["name"]: row for row in raw["sensors"]},
        {row["name"]: int(row["id"]) for row in raw["assets"]},
    )


def _resources(item: Any, tables: _Tables) -> list[Resource]:
    """The rows of a mapping group: one, or ``count`` of them with {nn} replaced by 01, 02, ..."""
    if not isinstance(item, dict):
        raise SettingsError(f"resources: {item!r}; expected objects")
    if "count" not in item:
        return [_resource(item, tables)]
    numbers = range(1, int(number(item, "count")) + 1)
    return [
        _resource(
            {
                key: value.replace(NUMBER, f"{count:02d}") if isinstance(value, str) else value
                for key, value in item.items()
            },
            tables,
        )
        for count in numbers
    ]


def _resource(item: dict[str, Any], tables: _Tables) -> Resource:
    name = text(item, "resource_id")
    low, high = _power_w(item, name, "min_power_kw"), _power_w(item, name, "max_power_kw")
    if not low <= 0 <= high or low == high:
        raise SettingsError(
            f"{name}: {low / 1000} to {high / 1000} kW; expected min_power_kw <= 0 <= max_power_kw"
        )
    limits = Range(low, high)
    baseline = _power_w(item, name, "baseline_kw")
    if not limits.contains(baseline):
        raise SettingsError(f"{name}: baseline_kw {baseline / 1000}; expected {low / 1000} to {high / 1000}")
    fill_level = _sensor(item, "fill_level_sensor", tables.sensors, unit="kWh", instantaneous=True)
    row = tables.sensors[text(item, "fill_level_sensor")]
    return Resource(
        resource_id=name,
        asset=str(row["asset"]),
        asset_id=tables.asset_ids.get(str(row["asset"]), 0),
        limits_w=limits,
        baseline_w=baseline,
        poster=str(row["source"]),
        fill_level=fill_level,
        actual_power=_sensor(item, "actual_power_sensor", tables.sensors, unit="kW", sign="consumption"),
        schedule=_sensor(item, "schedule_sensor", tables.sensors, unit="kW", sign="consumption"),
    )


def _sensor(
    item: dict[str, Any],
    key: str,
    sensors: dict[str, dict[str, Any]],
    *,
    unit: str,
    sign: str = "",
    instantaneous: bool = False,
) -> Sensor:
    name = text(item, key)
    row = sensors.get(name)
    if row is None:
        raise SettingsError(f"{key}: no sensor {name!r} in the sensor map; expected one of its names")
    if row["unit"] != unit:
        raise SettingsError(f"{key}: sensor {name!r} has unit {row['unit']!r}; expected {unit!r}")
    if sign and row["sign"] != sign:
        raise SettingsError(f"{key}: sensor {name!r} has sign {row['sign']!r}; expected {sign!r}")
    if bool(row["resolution_s"]) == instantaneous:
        expected = "0" if instantaneous else "whole minutes"
        raise SettingsError(
            f"{key}: sensor {name!r} has resolution_s {row['resolution_s']}; expected {expected}"
        )
    return _known_sensor(row)


def _known_sensor(row: dict[str, Any]) -> Sensor:
    return Sensor(int(row["id"]), str(row["unit"]), timedelta(seconds=row["resolution_s"]))


def _tokens(path: Path, resources: dict[str, Resource]) -> dict[str, str]:
    found = read_object(path)
    missing = sorted(set(resources) - set(found))
    if missing:
        raise SettingsError(f"{path}: no token for {', '.join(missing)}; expected one a resource")
    for name, token in found.items():
        if not isinstance(token, str) or len(token) < TOKEN_LENGTH:
            raise SettingsError(
                f"{path}: token of {name} is too short; expected at least {TOKEN_LENGTH} characters"
            )
    if len(set(found.values())) != len(found):
        raise SettingsError(f"{path}: two resources share a token; expected one of its own for each")
    return found


def _scheduling(raw: Any, tables: _Tables, resources: dict[str, Resource]) -> Scheduling:
    if not isinstance(raw, dict):
        raise SettingsError(f"scheduling: {raw!r}; expected an object or null")
    server, context = obj(raw, "flexmeasures"), obj(raw, "flex_context")
    names = items(raw, "price_sensors")
    unknown = [name for name in names if name not in tables.sensors]
    if unknown:
        raise SettingsError(f"scheduling.price_sensors: {unknown}; expected names of the sensor map")
    unplaced = sorted({row.asset for row in resources.values() if not row.asset_id})
    if unplaced:
        raise SettingsError(
            f"scheduling: assets {unplaced} have no id; expected them in the sensor map's assets"
        )
    return Scheduling(
        flexmeasures=FlexMeasures(
            host=text(server, "host"),
            port=int(number(server, "port")),
            ssl=bool(server.get("ssl", False)),
            email=text(server, "email"),
            password=secret(text(server, "password_file")),
        ),
        interval=_seconds(raw, "interval_s"),
        check_interval=_seconds(raw, "check_interval_s"),
        horizon=_seconds(raw, "horizon_s"),
        price_sensor_ids=tuple(int(tables.sensors[name]["id"]) for name in names),
        flex_context={key: _reference(value, tables.sensors) for key, value in context.items()},
        forecasts=None if raw.get("forecasts") is None else _forecasts(obj(raw, "forecasts"), tables),
    )


def _forecasts(raw: dict[str, Any], tables: _Tables) -> Forecasts:
    names, regressors = items(raw, "sensors"), items(raw, "regressors")
    unknown = [name for name in [*names, *regressors] if name not in tables.sensors]
    if unknown:
        raise SettingsError(f"scheduling.forecasts: {unknown}; expected names of the sensor map")
    found = Forecasts(
        interval=_seconds(raw, "interval_s"),
        check_interval=_seconds(raw, "check_interval_s"),
        horizon=_seconds(raw, "horizon_s"),
        sensors={name: _known_sensor(tables.sensors[name]) for name in names},
        config={
            **obj(raw, "config"),
            "future-regressors": [int(tables.sensors[name]["id"]) for name in regressors],
        },
    )
    if found.horizon <= found.interval:
        horizon_s = found.horizon.total_seconds()
        raise SettingsError(f"scheduling.forecasts.horizon_s: {horizon_s:g}; expected more than interval_s")
    return found


def _reference(value: Any, sensors: dict[str, dict[str, Any]]) -> Any:
    """FlexMeasures wants sensors by id: {"sensor": name} becomes {"sensor": id}."""
    if isinstance(value, dict) and isinstance(value.get("sensor"), str):
        name = value["sensor"]
        if name not in sensors:
            raise SettingsError(
                f"scheduling.flex_context: sensor {name!r}; expected a name of the sensor map"
            )
        return {**value, "sensor": int(sensors[name]["id"])}
    return value


def _power_w(item: dict[str, Any], name: str, key: str) -> float:
    value = item.get(key)
    if not isinstance(value, int | float) or not is_number(value):
        raise SettingsError(f"{name}: {key} is {value!r}; expected kW as a number")
    return 1000.0 * value


def _seconds(raw: dict[str, Any], key: str) -> timedelta:
    value = number(raw, key)
    if value <= 0:
        raise SettingsError(f"{key}: {value}; expected seconds above 0")
    return timedelta(seconds=value)
