"""The only reader of configuration: the JSON file CARIFLEX_CONFIG names, secrets from files it points to."""

import json
import os
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cariflex_simulator.domain.site import Plant, Site
from cariflex_simulator.domain.storage import StorageParameters
from cariflex_simulator.domain.trips import TripPattern

CONFIG_VARIABLE = "CARIFLEX_CONFIG"
DEFAULT_CONFIG = "/etc/cariflex/config.json"
Port = Annotated[int, Field(ge=0, le=65535)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class SettingsError(ValueError):
    """The configuration cannot be used; the message names the key, its value and what was expected."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Listen(_Model):
    """Address and port of a listening socket."""

    host: str
    port: Port


class Battery(_Model):
    """What all simulated batteries have in common; times are local."""

    storage: StorageParameters
    start_share: Share
    charge_from: time
    charge_until: time
    discharge_from: time
    discharge_until: time
    discharge_share: Share


class Vehicle(_Model):
    """What all simulated vehicles have in common."""

    storage: StorageParameters
    start_share: Share
    target_share: Share
    trips: TripPattern


class Device(_Model):
    """One storage device: who controls it, and the sensors that take its values when it posts itself."""

    id: str = Field(min_length=1)
    kind: Literal["battery", "ev"]
    control: Literal["s2", "plain"]
    level_sensor: str
    power_sensor: str


class Photovoltaics(_Model):
    """A plant and the sensor of its power."""

    plant: Plant
    sensor: str


class S2(_Model):
    """Where the CEM is found, and how sessions behave; ``hold_s``: how long instructions outlive the CEM."""

    url: str = Field(pattern="^wss?://")
    tokens_file: Path
    status_interval_s: Positive
    hold_s: Positive
    longest_wait_s: Positive


class User(_Model):
    """A posting user and the file with its password."""

    email: str
    password_file: Path

    def password(self) -> str:
        """The password. Raises SettingsError."""
        return _text(self.password_file)


class FlexMeasures(_Model):
    """Where values go, and who posts them: data source name to user."""

    host: str
    port: Port
    ssl: bool
    users: dict[str, User]


class Sensor(BaseModel):
    """A row of the sensor map, as far as it matters here."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str
    unit: str
    resolution_s: int
    source: str

    @property
    def resolution(self) -> timedelta:
        """Length of an event; zero for instantaneous values."""
        return timedelta(seconds=self.resolution_s)


class WeatherSensors(_Model):
    """Sensors with the weather that the plants see, by name."""

    irradiance: str
    temperature: str
    wind: str


class Settings(_Model):
    """Settings of the simulator."""

    seed: int
    timezone: ZoneInfo
    site: Site
    step_s: Positive
    interval_s: Annotated[int, Field(gt=0)]
    history_days: Annotated[int, Field(ge=1, le=60)]
    battery: Battery
    ev: Vehicle
    devices: tuple[Device, ...]
    photovoltaics: tuple[Photovoltaics, ...]
    price_sensor: str
    weather: WeatherSensors
    sensor_map_file: Path
    state_file: Path
    status: Listen
    s2: S2
    flexmeasures: FlexMeasures
    log_level: Literal["debug", "info", "warning", "error"]

    @field_validator("timezone", mode="before")
    @classmethod
    def _zone(cls, value: Any) -> Any:
        try:
            return ZoneInfo(value) if isinstance(value, str) else value
        except ZoneInfoNotFoundError as error:
            raise ValueError(f"{value!r}; expected an IANA zone") from error

    @field_validator("interval_s")
    @classmethod
    def _divides_the_hour(cls, value: int) -> int:
        if 3600 % value:
            raise ValueError(f"{value}; expected seconds that divide an hour")
        return value

    @model_validator(mode="after")
    def _unique_ids(self) -> Self:
        ids = [device.id for device in self.devices]
        repeated = sorted({name for name in ids if ids.count(name) > 1})
        if repeated:
            raise ValueError(f"devices: {repeated} appear more than once; expected unique ids")
        return self

    @property
    def interval(self) -> timedelta:
        """Length of the intervals that power is averaged over."""
        return timedelta(seconds=self.interval_s)

    def storage_of(self, device: Device) -> StorageParameters:
        """Nameplate of a device."""
        return (self.battery if device.kind == "battery" else self.ev).storage


def read_settings(path: Path | None = None) -> Settings:
    """The checked configuration. Raises SettingsError."""
    path = path or Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))
    try:
        return Settings.model_validate(_json(path))
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {str(item['input'])[:80]!r}; {item['msg']}"
            for item in error.errors()
        )
        raise SettingsError(f"{path}: {found}") from error


def read_sensors(settings: Settings) -> dict[str, Sensor]:
    """Every sensor that the simulator uses, by name. Raises SettingsError when one is missing."""
    path = settings.sensor_map_file
    rows = _sensor_map(path)["sensors"]
    known = {row.get("name"): Sensor.model_validate(row) for row in rows}
    wanted = [
        *(name for device in settings.devices for name in (device.level_sensor, device.power_sensor)),
        *(item.sensor for item in settings.photovoltaics),
        settings.price_sensor,
        *settings.weather.model_dump().values(),
    ]
    missing = sorted(set(wanted) - known.keys())
    if missing:
        raise SettingsError(f"{path}: no sensors {missing}; expected them in the sensor map")
    return {name: known[name] for name in wanted}


def read_tokens(settings: Settings) -> dict[str, str]:
    """The token of every device that S2 controls. Raises SettingsError."""
    path = settings.s2.tokens_file
    tokens = _json(path)
    missing = sorted(
        device.id for device in settings.devices if device.control == "s2" and not tokens.get(device.id)
    )
    if missing:
        raise SettingsError(f"{path}: no token for {missing}; expected one for each device under S2 control")
    return {name: str(token) for name, token in tokens.items()}


def _sensor_map(path: Path) -> dict[str, Any]:
    """The sensor map, checked by the schema that lies beside it. Raises SettingsError."""
    sensor_map, schema = _json(path), _json(path.with_name("sensor_map.schema.json"))
    mistake = best_match(Draft202012Validator(schema).iter_errors(sensor_map))
    if mistake is not None:
        raise SettingsError(f"{path}: {mistake.json_path}: {mistake.message}; expected what its schema says")
    return sensor_map


def _json(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}; expected a readable JSON file") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: {type(raw).__name__}; expected a JSON object")
    return raw


def _text(path: Path) -> str:
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; expected a readable file") from error
    if not value:
        raise SettingsError(f"{path}: empty; expected one value")
    return value
