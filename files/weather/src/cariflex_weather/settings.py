"""The only reader of configuration: the JSON file CARIFLEX_CONFIG names, secrets from files it points to."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cariflex_service.reading import SettingsError
from cariflex_service.sensor_map import read_sensor_map
from cariflex_service.settings import Listen, Model, Server, User, read_model

# Open-Meteo renews its models every hour at best: asking more often is unfair and brings nothing.
LEAST_INTERVAL_S = 900
UNITS = {"irradiance": "W/m²", "temperature": "°C", "wind": "m/s"}


class Site(Model):
    """Where the weather is: degrees north and east, metres above the sea."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    altitude_m: float


class OpenMeteo(Model):
    """How Open-Meteo is asked; its answers are kept in ``cache_file`` for an interval."""

    url: str = Field(pattern="^https?://")
    cache_file: Path
    timeout_s: Annotated[float, Field(gt=0)]
    retries: Annotated[int, Field(ge=0, le=5)]


class NamedUser(User):
    """A posting user, whose name the data source bears."""

    name: str


class FlexMeasures(Server):
    """Where values go, and who posts which of them."""

    open_meteo: NamedUser
    clear_sky: NamedUser

    @property
    def users(self) -> dict[str, NamedUser]:
        """Both users by name."""
        return {user.name: user for user in (self.open_meteo, self.clear_sky)}


class SensorNames(Model):
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


class Settings(Model):
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
    return read_model(Settings, path)


def read_sensors(settings: Settings) -> dict[str, Sensor]:
    """The three sensors by quantity: irradiance, temperature, wind. Raises SettingsError."""
    path = settings.sensor_map_file
    rows = {row.get("name"): row for row in read_sensor_map(path)["sensors"]}
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
