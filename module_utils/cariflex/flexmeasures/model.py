"""The sensor map of Cariflex EMS (wanted) and what FlexMeasures' database holds (found). Pure values, no I/O.

Ids, names, units, types and sources follow the sensor tables of the infrastructure specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import Conflict, ConflictError

SCHEMA_VERSION = 1
NUMBER = "{nn}"
SIGNS = ("none", "production", "consumption")
NAME_LENGTH = {"sensor": 120, "asset": 80, "asset type": 80, "unit": 80}
# The sequence stays beyond this id, so that a sensor made through the API never lands on a fixed one.
LAST_RESERVED_ID = 1999
KNOWLEDGE_HORIZON: Mapping[str, Any] = {"fnc": "ex_post", "par": {"ex_post_horizon": "P0D"}}

_DURATION = re.compile(r"^PT(?:(\d+)H)?(?:(\d+)M)?$")


@dataclass(frozen=True)
class Sensor:
    """A wanted sensor. ``resolution_s`` is in seconds, 0 for instantaneous values."""

    id: int
    name: str
    unit: str
    resolution_s: int
    asset: str
    asset_type: str
    type: str
    sign: str
    source: str

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes that we own; FlexMeasures keeps others beside them.

        Its schedulers read ``consumption_is_positive`` (default false) for the sign of what they store.
        """
        return {} if self.sign == "none" else {"consumption_is_positive": self.sign == "consumption"}


@dataclass(frozen=True)
class DataSource:
    """The data source of a posting user, identified by its email; posts show under ``name``."""

    name: str
    email: str


@dataclass(frozen=True)
class Wanted:
    """The whole wanted state: what the module makes true."""

    account: str
    timezone: str
    sensors: tuple[Sensor, ...]
    asset_types: Mapping[str, str] = field(default_factory=dict)
    data_sources: tuple[DataSource, ...] = ()

    @property
    def assets(self) -> dict[str, str]:
        """Asset name -> asset type name."""
        return {sensor.asset: sensor.asset_type for sensor in self.sensors}

    def sensor_map(self) -> dict[str, Any]:
        """Render the contract for the services, see sensor_map.schema.json."""
        keys = ("id", "name", "unit", "resolution_s", "asset", "asset_type", "type", "sign", "source")
        return {
            "schema_version": SCHEMA_VERSION,
            "timezone": self.timezone,
            "sensors": [{key: getattr(sensor, key) for key in keys} for sensor in self.sensors],
        }


@dataclass(frozen=True)
class FoundSensor:
    """A sensor of the database. ``asset`` names a root asset of our account, or describes a foreign one."""

    id: int
    name: str
    asset: str
    unit: str
    resolution_s: int
    timezone: str
    knowledge_horizon: Mapping[str, Any]
    attributes: Mapping[str, Any]
    has_data: bool = False


@dataclass(frozen=True)
class FoundSequence:
    """A sequence's last value and the highest id of its table."""

    last: int
    max_id: int


@dataclass(frozen=True)
class Found:
    """The state of the database, read in one go.

    assets: root assets of the account, name -> type name. users: email -> name of its data source or None.
    """

    account_exists: bool
    asset_types: Mapping[str, str | None]
    assets: Mapping[str, str]
    sensors: Mapping[int, FoundSensor]
    users: Mapping[str, str | None]
    sequences: Mapping[str, FoundSequence]

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Found:
        """Build it from the document that the client's state query returns."""
        return cls(
            account_exists=bool(state["account_exists"]),
            asset_types=state["asset_types"],
            assets=state["assets"],
            sensors={row["id"]: FoundSensor(**row) for row in state["sensors"]},
            users=state["users"],
            sequences={name: FoundSequence(**row) for name, row in state["sequences"].items()},
        )


def resolution_seconds(text: str) -> int:
    """Seconds of a duration like PT0M, PT5M or PT1H; ValueError for anything else."""
    match = _DURATION.match(text)
    if match is None or text == "PT":
        raise ValueError(f'"{text}" is not a duration of whole minutes or hours')
    return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60


def expand(
    groups: Iterable[Mapping[str, Any]], types: Mapping[str, Mapping[str, str]]
) -> tuple[tuple[Sensor, ...], dict[str, str]]:
    """Turn the inventory table into sensors, ordered by id, and asset types (name -> description).

    A group is a row or, with ``count``, several: ``{nn}`` in name and asset becomes 01, 02, ...
    ``types`` says for each value of the Type column which asset type FlexMeasures shows.
    Raises ConflictError with every mistake of the table.
    """
    conflicts: list[Conflict] = []
    sensors: list[Sensor] = []
    for group in groups:
        sensors.extend(_expand_group(group, types, conflicts))
    conflicts.extend(_table_conflicts(sensors))
    if conflicts:
        raise ConflictError(conflicts)
    asset_types = {entry["asset_type"]: entry["description"] for entry in types.values()}
    return tuple(sorted(sensors, key=lambda sensor: sensor.id)), asset_types


def _expand_group(
    group: Mapping[str, Any], types: Mapping[str, Mapping[str, str]], conflicts: list[Conflict]
) -> list[Sensor]:
    label = f"sensor group {group['name']}"
    first_id, count = int(group["first_id"]), int(group.get("count") or 1)
    found = len(conflicts)
    try:
        resolution_s = resolution_seconds(group["resolution"])
    except ValueError:
        resolution_s = 0
        conflicts.append(
            Conflict(
                f"{label}, resolution", group["resolution"], "PT0M, PT5M, PT1H, ...", "write whole minutes"
            )
        )
    if group["type"] not in types:
        conflicts.append(Conflict(f"{label}, type", group["type"], sorted(types), "add it to the types"))
    if group["sign"] not in SIGNS:
        conflicts.append(Conflict(f"{label}, sign", group["sign"], SIGNS, "use one of them"))
    if not 1 <= count <= 99:
        conflicts.append(Conflict(f"{label}, count", count, "1 to 99", "split the group"))
    if (count > 1) != (NUMBER in group["name"]):
        fix = f"write {NUMBER} in the name of a group with a count, and only there"
        conflicts.append(Conflict(f"{label}, name", group["name"], f"{NUMBER} if and only if count > 1", fix))
    if first_id < 1 or first_id + count - 1 > LAST_RESERVED_ID:
        ids = f"{first_id}-{first_id + count - 1}"
        conflicts.append(Conflict(f"{label}, ids", ids, f"1-{LAST_RESERVED_ID}", "take reserved ids"))
    conflicts.extend(
        Conflict(f"{label}, {key}", "", "a text", "fill it in")
        for key in ("name", "asset", "unit", "source")
        if not group[key].strip()
    )
    if len(conflicts) > found:
        return []
    return [
        Sensor(
            id=first_id + index,
            name=group["name"].replace(NUMBER, f"{index + 1:02d}"),
            unit=group["unit"],
            resolution_s=resolution_s,
            asset=group["asset"].replace(NUMBER, f"{index + 1:02d}"),
            asset_type=types[group["type"]]["asset_type"],
            type=group["type"],
            sign=group["sign"],
            source=group["source"],
        )
        for index in range(count)
    ]


def _table_conflicts(sensors: Sequence[Sensor]) -> list[Conflict]:
    conflicts: list[Conflict] = []
    by_id: dict[int, Sensor] = {}
    by_name: dict[str, Sensor] = {}
    asset_types: dict[str, str] = {}
    for sensor in sensors:
        label = f"sensor {sensor.id} {sensor.name}"
        other = by_id.setdefault(sensor.id, sensor)
        if other is not sensor:
            conflicts.append(
                Conflict(label, f"the id of {other.name} too", "an id of its own", "change one id")
            )
        # The database demands unique names per asset only; services look sensors up by name alone.
        other = by_name.setdefault(sensor.name, sensor)
        if other is not sensor and other.id != sensor.id:
            conflicts.append(
                Conflict(label, f"the name of {other.id} too", "a name of its own", "rename one")
            )
        asset_type = asset_types.setdefault(sensor.asset, sensor.asset_type)
        if asset_type != sensor.asset_type:
            fix = "give all groups of an asset the same type"
            conflicts.append(
                Conflict(f"asset {sensor.asset}, asset type", sensor.asset_type, asset_type, fix)
            )
        texts = {
            "sensor": sensor.name,
            "asset": sensor.asset,
            "asset type": sensor.asset_type,
            "unit": sensor.unit,
        }
        conflicts.extend(
            Conflict(f"{label}, {key}", text, f"at most {NAME_LENGTH[key]} characters", "shorten it")
            for key, text in texts.items()
            if len(text) > NAME_LENGTH[key]
        )
    return conflicts
