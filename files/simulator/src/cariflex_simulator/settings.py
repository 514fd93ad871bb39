"""The only reader of configuration: the JSON file CARIFLEX_CONFIG names, secrets from files it points to."""

from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cariflex_service.reading import SettingsError, read_object
from cariflex_service.sensor_map import read_sensor_map
from cariflex_service.settings import Listen, Model, Server, User, read_model
from cariflex_simulator.domain.site import Plant, Site
from cariflex_simulator.domain.storage import StorageParameters
from cariflex_simulator.domain.trips import TripPattern

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Battery(Model):
    """What all simulated batteries have in common; times are local."""

    storage: StorageParameters
    start_share: Share
    charge_from: time
    charge_until: time
    discharge_from: time
    discharge_until: time
    discharge_share: Share


class Vehicle(Model):
    """What all simulated vehicles have in common."""

    storage: StorageParameters
    start_share: Share
    target_share: Share
    trips: TripPattern


class Device(Model):
    """One storage device: who controls it, and the sensors that take its values when it posts itself."""

    id: str = Field(min_length=1)
    kind: Literal["battery", "ev"]
    control: Literal["s2", "plain"]
    level_sensor: str
    power_sensor: str


class Photovoltaics(Model):
    """A plant and the sensor of its power."""

    plant: Plant
    sensor: str


class S2(Model):
    """Where the CEM is found, and how sessions behave; ``hold_s``: how long instructions outlive the CEM."""

    url: str = Field(pattern="^wss?://")
    tokens_file: Path
    status_interval_s: Positive
    hold_s: Positive
    longest_wait_s: Positive


class FlexMeasures(Server):
    """Where values go, and who posts them: data source name to user."""

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


class WeatherSensors(Model):
    """Sensors with the weather that the plants see, by name."""

    irradiance: str
    temperature: str
    wind: str


class Settings(Model):
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
    return read_model(Settings, path)


def read_sensors(settings: Settings) -> dict[str, Sensor]:
    """Every sensor that the simulator uses, by name. Raises SettingsError when one is missing."""
    path = settings.sensor_map_file
    rows = read_sensor_map(path)["sensors"]
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
    tokens = read_object(path)
    missing = sorted(
        device.id for device in settings.devices if device.control == "s2" and not tokens.get(device.id)
    )
    if missing:
        raise SettingsError(f"{path}: no token for {missing}; expected one for each device under S2 control")
    return {name: str(token) for name, token in tokens.items()}
