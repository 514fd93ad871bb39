"""Settings of the VEN."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.units import SENSOR_UNITS
from cariflex_openadr.settings.reading import Listen, items, listen, number, obj, secret, text
from cariflex_service.reading import SettingsError
from cariflex_service.sensor_map import read_sensor_map

_FINGERPRINT = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){9}")
DEFAULT_DATABASE = Path("/var/lib/openadr-ven/ven.sqlite3")


@dataclass(frozen=True, slots=True)
class SensorRef:
    """A FlexMeasures sensor that takes one kind of signal."""

    sensor_id: int
    unit: str
    resolution: timedelta


@dataclass(frozen=True, slots=True)
class PostingUser:
    """A FlexMeasures user whose name stands as source at what it posts."""

    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class FlexMeasuresSettings:
    """Where values go: host without scheme, port, posting users by name. The VEN posts as the first."""

    host: str
    port: int
    ssl: bool
    posters: dict[str, PostingUser]

    @property
    def own_poster(self) -> str:
        """Name of the user that the VEN's own values are posted as."""
        return next(iter(self.posters))


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """PEM files of mutual TLS: who vouches for the VTN, and the VEN's certificate and key."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class SigningSettings:
    """PEM files of XML signatures, and the VTN's fingerprints in OpenADR's short form (``AB:CD:...``)."""

    certificate_file: Path
    key_file: Path
    vtn_fingerprints: frozenset[str]


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
    database: Path = DEFAULT_DATABASE
    resources: frozenset[str] = frozenset()
    tls: TlsSettings | None = None
    signing: SigningSettings | None = None


def ven_settings(raw: dict[str, Any]) -> VenSettings:
    """Check and convert the VEN's configuration, and read the sensor map and the password it points to."""
    flexmeasures = obj(raw, "flexmeasures")
    return VenSettings(
        ven_name=text(raw, "ven_name"),
        ven_id=text(raw, "ven_id"),
        registration_id=text(raw, "registration_id"),
        vtn_url=text(raw, "vtn_url").rstrip("/"),
        poll_interval=timedelta(seconds=number(raw, "poll_interval_s")),
        status=listen(raw, "status"),
        flexmeasures=FlexMeasuresSettings(
            host=text(flexmeasures, "host"),
            port=int(number(flexmeasures, "port")),
            ssl=bool(flexmeasures.get("ssl", False)),
            posters=_posters(flexmeasures),
        ),
        sensors=_sensors(Path(text(raw, "sensor_map_file")), obj(raw, "sensors")),
        log_level=text(raw, "log_level"),
        database=Path(text(raw, "database")) if "database" in raw else DEFAULT_DATABASE,
        resources=frozenset(str(item) for item in items(raw, "resources"))
        if "resources" in raw
        else frozenset(),
        tls=_tls(raw["tls"]) if raw.get("tls") is not None else None,
        signing=_signing(raw["signing"]) if raw.get("signing") is not None else None,
    )


def _tls(raw: Any) -> TlsSettings:
    if not isinstance(raw, dict):
        raise SettingsError(f"tls: {raw!r}; expected an object or null")
    ca_file, certificate_file = text(raw, "ca_file"), text(raw, "certificate_file")
    return TlsSettings(Path(ca_file), Path(certificate_file), Path(text(raw, "key_file")))


def _signing(raw: Any) -> SigningSettings:
    if not isinstance(raw, dict):
        raise SettingsError(f"signing: {raw!r}; expected an object or null")
    fingerprints = frozenset(str(item).upper() for item in items(raw, "vtn_fingerprints"))
    if not fingerprints or not all(_FINGERPRINT.fullmatch(item) for item in fingerprints):
        raise SettingsError(
            f"signing.vtn_fingerprints: {sorted(fingerprints)}; expected ten bytes such as 0A:1B:..."
        )
    certificate_file, key_file = text(raw, "certificate_file"), text(raw, "key_file")
    return SigningSettings(Path(certificate_file), Path(key_file), fingerprints)


def _posters(raw: dict[str, Any]) -> dict[str, PostingUser]:
    users = [
        PostingUser(text(item, "name"), text(item, "email"), secret(text(item, "password_file")))
        for item in items(raw, "posters")
    ]
    found = {user.name: user for user in users}
    if not found or len(found) != len(users):
        raise SettingsError(
            f"flexmeasures.posters: {[user.name for user in users]}; expected at least one, no name twice"
        )
    return found


def _sensors(path: Path, names: dict[str, Any]) -> dict[SignalKind, SensorRef]:
    listed = read_sensor_map(path)["sensors"]
    found: dict[SignalKind, SensorRef] = {}
    for kind in SignalKind:
        name = text(names, kind.value)
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
