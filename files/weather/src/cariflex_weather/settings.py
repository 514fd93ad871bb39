"""The only reader of configuration: the JSON file CARIFLEX_CONFIG names, secrets from files it points to."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from pydantic import BaseModel, ConfigDict, Field, ValidationError

CONFIG_VARIABLE = "CARIFLEX_CONFIG"
DEFAULT_CONFIG = "/etc/cariflex/config.json"
Port = Annotated[int, Field(ge=0, le=65535)]
# Open-Meteo renews its models every hour at best: asking more often is unfair and brings nothing.
LEAST_INTERVAL_S = 900
UNITS = {"irradiance": "W/m²", "temperature": "°C", "wind": "m/s"}


class SettingsError(ValueError):
    """The configuration cannot be used; the message names the key, its value and what was expected."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Listen(_Model):
    """Address and port of a listening socket."""

    host: str
    port: Port


class Site(_Model):
    """Where the weather is: degrees north and east, metres above the sea."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    altitude_m: float


class OpenMeteo(_Model):
    """How Open-Meteo is asked; its answers are kept in ``cache_file`` for an interval."""

    url: str = Field(pattern="^https?://")
    cache_file: Path
    timeout_s: Annotated[float, Field(gt=0)]
    retries: Annotated[int, Field(ge=0, le=5)]


class User(_Model):
    """A posting user, whose name the data source bears, and the file with its password."""

    name: str
    email: str
    password_file: Path

    def password(self) -> str:
        """The password. Raises SettingsError."""
        return _text(self.password_file)


class FlexMeasures(_Model):
    """Where values go, and who posts which of them."""

    host: str
    port: Port
    ssl: bool
    open_meteo: User
    clear_sky: User

    @property
    def users(self) -> dict[str, User]:
        """Both users by name."""
        return {user.name: user for user in (self.open_meteo, self.clear_sky)}


class SensorNames(_Model):
    """Names of the sensors in the sensor map."""

    irradiance: str
    temperature: str
    wind: str


class Sensor(BaseModel):
    """A row of the sensor map, as far as it matters here."""

    model_config = ConfigDict(frozen=True)

    id: int
    unit: str
    resolution_s: int


class Settings(_Model):
    """Settings of the weather service."""

    site: Site
    interval_s: Annotated[int, Field(ge=LEAST_INTERVAL_S)]
    retry_s: Annotated[int, Field(ge=60)]
    forecast_hours: Annotated[int, Field(ge=1, le=168)]
    past_days: Annotated[int, Field(ge=0, le=60)]
    open_meteo: OpenMeteo
    sensors: SensorNames
    sensor_map_file: Path
    state_file: Path
    status: Listen
    flexmeasures: FlexMeasures
    log_level: Literal["debug", "info", "warning", "error"]


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
    """The three sensors by quantity: irradiance, temperature, wind. Raises SettingsError."""
    path = settings.sensor_map_file
    rows = {row.get("name"): row for row in _sensor_map(path)["sensors"]}
    found = {}
    for quantity, name in settings.sensors.model_dump().items():
        row = rows.get(name)
        expected = (UNITS[quantity], 3600)
        if row is None or (row["unit"], row["resolution_s"]) != expected:
            raise SettingsError(
                f"{path}: sensor {name!r} is {row}; expected one in {expected[0]} with a resolution of 3600 s"
            )
        found[quantity] = Sensor.model_validate(row)
    return found


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
