"""Pure planning: (wanted, found) -> changes in the order of application, or one error with all conflicts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..change import Change
from ..errors import ConflictError
from .model import KNOWLEDGE_HORIZON, MARK, Asset, Found, FoundAsset, FoundSensor, FoundSequence, Wanted
from .refusals import is_ours_asset, is_ours_sensor, refusals
from .renumber import ASSET_SEQUENCE, renumbered

# Sequences of the tables with fixed ids: they stay beyond the reserved ones.
RESERVED_SEQUENCES = (ASSET_SEQUENCE, "sensor_id_seq")


@dataclass(frozen=True)
class Plan:
    """Changes in the order of application, and the retired ids that stay because of what they hold."""

    changes: Sequence[Change]
    retained_sensors: Sequence[int] = ()
    retained_assets: Sequence[int] = ()


def plan(
    wanted: Wanted,
    found: Found,
    *,
    allow_data_change: bool = False,
    delete_data: bool = False,
    make_room: bool = False,
) -> Plan:
    """Plan what has to change so that ``wanted`` is true; without changes when it already is.

    Raises ConflictError when a change would make stored data mean something else (unless
    ``allow_data_change``), when a fixed id or name belongs to something else, or when an account or a
    posting user is missing. Retired sensors with data stay unless ``delete_data``. What the map does not
    name is left alone, but that with ``make_room`` an asset of others gives up an id of the map.
    """
    moves, found = renumbered(wanted, found, make_room=make_room)
    if conflicts := refusals(wanted, found, allow_data_change=allow_data_change):
        raise ConflictError(conflicts)
    gone, retained = _retired_sensors(wanted, found, delete_data=delete_data)
    gone_assets, retained_assets = _retired_assets(wanted, found, gone)
    changes = [
        *moves,
        # A restore can leave these behind their tables: then the inserts below would collide.
        *_lagging_sequences(found),
        *(Change("account", name, None, {}) for name in wanted.accounts if name not in found.accounts),
        *_asset_types(wanted, found),
        *_new_assets(wanted, found),
        *_changed_assets(wanted, found, retained_assets),
        *(_deleted_sensor(found.sensors[one]) for one in gone),
        *_sensors(wanted, found),
        *(Change("asset", str(one), _asset_values(found.assets[one]), None) for one in gone_assets),
        *_data_sources(wanted, found),
        # Last, because setval is the one statement that a rollback does not take back.
        *_reserved_sequences(wanted, found),
    ]
    return Plan(changes, retained, retained_assets)


def _lagging_sequences(found: Found) -> Iterator[Change]:
    for name, sequence in sorted(found.sequences.items()):
        if name not in RESERVED_SEQUENCES and sequence.last < sequence.max_id:
            yield Change("sequence", name, {"last": sequence.last}, {"last": sequence.max_id})


def _reserved_sequences(wanted: Wanted, found: Found) -> Iterator[Change]:
    for name in RESERVED_SEQUENCES:
        sequence = found.sequences[name]
        last = max(sequence.max_id, wanted.last_reserved_id)
        if sequence.last < last:
            yield Change("sequence", name, {"last": sequence.last}, {"last": last})


def _asset_types(wanted: Wanted, found: Found) -> Iterator[Change]:
    # FlexMeasures describes the types that it brings itself: only a missing description is filled in.
    for name, description in sorted(wanted.asset_types.items()):
        if name not in found.asset_types:
            yield Change("asset_type", name, None, {"description": description})
    for name, description in sorted(wanted.asset_types.items()):
        if name in found.asset_types and found.asset_types[name] is None:
            yield Change("asset_type", name, {"description": None}, {"description": description})


def _asset_values(asset: Asset | FoundAsset) -> dict[str, Any]:
    return {
        "name": asset.name,
        "type": asset.type,
        "account": asset.account,
        "parent_id": asset.parent_id,
        "flex_context": asset.flex_context or {},
        "flex_model": asset.flex_model or {},
        "attributes": dict(asset.attributes) if isinstance(asset, FoundAsset) else dict(MARK),
    }


def _new_assets(wanted: Wanted, found: Found) -> Iterator[Change]:
    for asset in wanted.assets:
        if asset.id not in found.assets:
            yield Change("asset", str(asset.id), None, _asset_values(asset))


def _changed_assets(wanted: Wanted, found: Found, retained: Collection[int]) -> Iterator[Change]:
    for asset in wanted.assets:
        if asset.id in found.assets:
            other = found.assets[asset.id]
            current = _asset_values(other)
            desired = {**_asset_values(asset), "attributes": {**other.attributes, **MARK}}
            # What the table does not say belongs to those who set it in FlexMeasures.
            for key in ("flex_context", "flex_model"):
                if getattr(asset, key) is None:
                    desired[key] = current[key]
            if desired != current:
                yield Change("asset", str(asset.id), current, desired)
    for one in retained:
        # Else the scheduler would go on planning a device that is no more.
        current = _asset_values(found.assets[one])
        if current["flex_context"] or current["flex_model"]:
            yield Change("asset", str(one), current, {**current, "flex_context": {}, "flex_model": {}})


def _values(sensor: FoundSensor) -> dict[str, Any]:
    return {
        "name": sensor.name,
        "asset_id": sensor.asset_id,
        "unit": sensor.unit,
        "resolution_s": sensor.resolution_s,
        "timezone": sensor.timezone,
        "knowledge_horizon": dict(sensor.knowledge_horizon),
        "attributes": dict(sensor.attributes),
    }


def _deleted_sensor(sensor: FoundSensor) -> Change:
    return Change("sensor", str(sensor.id), {**_values(sensor), "has_data": sensor.has_data}, None)


def _sensors(wanted: Wanted, found: Found) -> Iterator[Change]:
    for sensor in wanted.sensors:
        other = found.sensors.get(sensor.id)
        current = None if other is None else _values(other)
        # Attributes that others have set stay.
        attributes = {**(other.attributes if other else {}), **sensor.attributes}
        desired = {
            "name": sensor.name,
            "asset_id": sensor.asset_id,
            "unit": sensor.unit,
            "resolution_s": sensor.resolution_s,
            "timezone": wanted.timezone,
            "knowledge_horizon": dict(KNOWLEDGE_HORIZON),
            "attributes": attributes,
        }
        if desired != current:
            yield Change("sensor", str(sensor.id), current, desired)


def _retired_sensors(wanted: Wanted, found: Found, *, delete_data: bool) -> tuple[list[int], list[int]]:
    """Ids to delete, ids that stay because they hold data. Another sensor under a retired id is not ours."""
    gone: list[int] = []
    retained: list[int] = []
    for sensor in wanted.retired_sensors:
        other = found.sensors.get(sensor.id)
        if other is not None and is_ours_sensor(sensor, other):
            (retained if other.has_data and not delete_data else gone).append(sensor.id)
    return gone, retained


def _retired_assets(wanted: Wanted, found: Found, gone: Collection[int]) -> tuple[list[int], list[int]]:
    """Ids to delete, and ids that stay because of the sensors or assets that they hold."""
    ours = {
        asset.id
        for asset in wanted.retired_assets
        if asset.id in found.assets and is_ours_asset(asset, found.assets[asset.id])
    }
    placed: Mapping[int, int] = {sensor.id: sensor.asset_id for sensor in wanted.sensors}
    gone_sensors = frozenset(gone)
    in_use = {
        placed.get(sensor.id, sensor.asset_id)
        for sensor in found.sensors.values()
        if sensor.id not in gone_sensors
    }
    parents = {other.id: other.parent_id for other in found.assets.values()}
    parents |= {asset.id: asset.parent_id for asset in wanted.assets}
    kept = {one for one in ours if one in in_use}
    # An asset stays when a child of it stays, up to the root.
    for one in [*(set(parents) - ours), *sorted(kept)]:
        parent = parents[one]
        while parent in ours and parent not in kept:
            kept.add(parent)
            parent = parents[parent]
    return sorted(ours - kept), sorted(kept)


def _data_sources(wanted: Wanted, found: Found) -> Iterator[Change]:
    created = []
    for source in wanted.data_sources:
        if source.email is None:
            if (source.name, source.type) not in found.other_sources:
                created.append(Change("source", source.name, None, {"type": source.type}))
            continue
        name = found.users[source.email]
        if name is None:
            created.append(Change("data_source", source.email, None, {"name": source.name}))
        elif name != source.name:
            yield Change("data_source", source.email, {"name": name}, {"name": source.name})
    yield from sorted(created, key=lambda change: change.kind)


def never_deployed(wanted: Wanted) -> Found:
    """Return the state of a database as FlexMeasures' role will leave it: without assets and sensors."""
    tables = (*RESERVED_SEQUENCES, "account_id_seq", "data_source_id_seq", "generic_asset_type_id_seq")
    return Found(
        accounts=frozenset(asset.account for asset in wanted.assets) - frozenset(wanted.accounts),
        asset_types={},
        assets={},
        sensors={},
        users={source.email: None for source in wanted.data_sources if source.email},
        other_sources=frozenset(),
        sequences=dict.fromkeys(tables, FoundSequence(0, 0)),
    )
