"""The sensor map of Cariflex EMS (wanted) and what FlexMeasures' database holds (found). Pure values, no I/O.

Ids, names, units, types and sources follow the sensor tables of the infrastructure specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 1
# The sequences stay beyond this id, so that what is made through the API never lands on a fixed id.
LAST_RESERVED_ID = 1999
KNOWLEDGE_HORIZON: Mapping[str, Any] = {"fnc": "ex_post", "par": {"ex_post_horizon": "P0D"}}
# The attribute by which we know our own sensors and assets again, whatever their name.
MARK: Mapping[str, str] = {"managed-by": "cariflex-sensor-map"}


@dataclass(frozen=True)
class Asset:
    """A wanted asset. ``flex_context`` and ``flex_model`` are None when the table leaves them to others."""

    id: int
    name: str
    type: str
    account: str
    parent_id: int | None = None
    flex_context: Mapping[str, Any] | None = None
    flex_model: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Sensor:
    """A wanted sensor. ``resolution_s`` is in seconds, 0 for instantaneous values."""

    id: int
    name: str
    unit: str
    resolution_s: int
    asset_id: int
    type: str
    sign: str
    source: str

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes that we own; FlexMeasures keeps others beside them.

        Its schedulers read ``consumption_is_positive`` (default false) for the sign of what they store.
        """
        sign = {} if self.sign == "none" else {"consumption_is_positive": self.sign == "consumption"}
        return {**MARK, **sign}


@dataclass(frozen=True)
class DataSource:
    """A data source by name: of the posting user ``email``, or, without, one of ``type`` of its own."""

    name: str
    email: str | None = None
    type: str = "user"


@dataclass(frozen=True)
class Wanted:
    """The whole wanted state: what the module makes true.

    Retired sensors and assets are known by what they were, so that no other one is taken for them.
    ``accounts`` are made when missing; those that assets name beyond them must exist.
    """

    timezone: str
    sensors: tuple[Sensor, ...]
    assets: tuple[Asset, ...]
    asset_types: Mapping[str, str] = field(default_factory=dict)
    data_sources: tuple[DataSource, ...] = ()
    accounts: tuple[str, ...] = ()
    retired_sensors: tuple[Sensor, ...] = ()
    retired_assets: tuple[Asset, ...] = ()
    last_reserved_id: int = LAST_RESERVED_ID

    def sensor_map(self) -> dict[str, Any]:
        """Render the contract for the services, see sensor_map.schema.json."""
        assets = {asset.id: asset for asset in self.assets}
        return {
            "schema_version": SCHEMA_VERSION,
            "timezone": self.timezone,
            "assets": [
                {
                    "id": asset.id,
                    "name": asset.name,
                    "asset_type": asset.type,
                    "account": asset.account,
                    "parent": None if asset.parent_id is None else assets[asset.parent_id].name,
                    "flex_context": asset.flex_context or {},
                    "flex_model": asset.flex_model or {},
                }
                for asset in self.assets
            ],
            "sensors": [
                {
                    "id": sensor.id,
                    "name": sensor.name,
                    "unit": sensor.unit,
                    "resolution_s": sensor.resolution_s,
                    "asset": assets[sensor.asset_id].name,
                    "asset_type": assets[sensor.asset_id].type,
                    "type": sensor.type,
                    "sign": sensor.sign,
                    "source": sensor.source,
                }
                for sensor in self.sensors
            ],
        }


@dataclass(frozen=True)
class FoundAsset:
    """An asset of the database, of whatever account (None: public)."""

    id: int
    name: str
    type: str
    account: str | None
    parent_id: int | None
    attributes: Mapping[str, Any]
    flex_context: Mapping[str, Any]
    flex_model: Mapping[str, Any]

    @property
    def ours(self) -> bool:
        """Whether it carries our mark."""
        return self.attributes.items() >= MARK.items()


@dataclass(frozen=True)
class FoundSensor:
    """A sensor of the database."""

    id: int
    name: str
    asset_id: int
    unit: str
    resolution_s: int
    timezone: str
    knowledge_horizon: Mapping[str, Any]
    attributes: Mapping[str, Any]
    has_data: bool = False

    @property
    def ours(self) -> bool:
        """Whether it carries our mark."""
        return self.attributes.items() >= MARK.items()


@dataclass(frozen=True)
class FoundSequence:
    """A sequence's last value and the highest id of its table."""

    last: int
    max_id: int


@dataclass(frozen=True)
class Found:
    """The state of the database, read in one go.

    users: email -> name of its data source or None. other_sources: (name, type) of those without a user.
    """

    accounts: frozenset[str]
    asset_types: Mapping[str, str | None]
    assets: Mapping[int, FoundAsset]
    sensors: Mapping[int, FoundSensor]
    users: Mapping[str, str | None]
    other_sources: frozenset[tuple[str, str]]
    sequences: Mapping[str, FoundSequence]

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Found:
        """Build it from the document that the client's state query returns.

        Its assets and sensors are arrays in the order of the fields above.
        """
        return cls(
            accounts=frozenset(state["accounts"]),
            asset_types=state["asset_types"],
            assets={row[0]: FoundAsset(*row) for row in state["assets"]},
            sensors={row[0]: FoundSensor(*row) for row in state["sensors"]},
            users=state["users"],
            other_sources=frozenset((name, kind) for name, kind in state["other_sources"]),
            sequences={name: FoundSequence(**row) for name, row in state["sequences"].items()},
        )
