"""Pure planning: (wanted, found) -> changes in the order of application, or one error with all conflicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..change import Change
from ..errors import Conflict, ConflictError
from .model import KNOWLEDGE_HORIZON, LAST_RESERVED_ID, Found, FoundSensor, Sensor, Wanted

SENSOR_SEQUENCE = "sensor_id_seq"


def plan(wanted: Wanted, found: Found, *, allow_data_change: bool = False) -> list[Change]:
    """Plan what has to change so that ``wanted`` is true; empty when it already is.

    Raises ConflictError when a change would make stored data mean something else (unless
    ``allow_data_change``), when a fixed id or name belongs to something else, or when the account or a
    posting user is missing. Objects that the map does not name are left alone.
    """
    conflicts = [*_missing(wanted, found), *_collisions(wanted, found)]
    if not allow_data_change:
        conflicts.extend(_data_changes(wanted, found))
    if conflicts:
        raise ConflictError(conflicts)
    return [
        # A restore can leave these behind their tables: then the inserts below would collide.
        *_lagging_sequences(found),
        *_asset_types(wanted, found),
        *_assets(wanted, found),
        *_sensors(wanted, found),
        *_data_sources(wanted, found),
        # Last, because setval is the one statement that a rollback does not take back.
        *_sensor_sequence(wanted, found),
    ]


def _missing(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    if not found.account_exists:
        yield Conflict(f"account {wanted.account}", "missing", "present", "run the flexmeasures role first")
    for source in wanted.data_sources:
        if source.email not in found.users:
            fix = "run the flexmeasures role first, it makes the posting users"
            yield Conflict(f"user {source.email} of data source {source.name}", "missing", "present", fix)


def _collisions(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    places = {(sensor.asset, sensor.name): sensor.id for sensor in found.sensors.values()}
    for sensor in wanted.sensors:
        other = found.sensors.get(sensor.id)
        if other is not None and (other.asset, other.name) != (sensor.asset, sensor.name):
            fix = "rename or delete that sensor in FlexMeasures, or give the map another id"
            yield Conflict(f"sensor id {sensor.id}", f"{other.name} of {other.asset}", _label(sensor), fix)
        holder = places.get((sensor.asset, sensor.name), sensor.id)
        if holder != sensor.id:
            fix = f"rename or delete sensor {holder} in FlexMeasures, or change the map"
            yield Conflict(f"sensor name {_label(sensor)}", f"sensor {holder}", f"sensor {sensor.id}", fix)


def _data_changes(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    fix = (
        "correct the map, or run with sensor_map_allow_data_change=true if the stored values may be reread so"
    )
    for sensor in wanted.sensors:
        other = found.sensors.get(sensor.id)
        if other is None or not other.has_data:
            continue
        if other.unit != sensor.unit:
            yield Conflict(
                f"sensor {sensor.id} {sensor.name}, which holds data, unit", other.unit, sensor.unit, fix
            )
        if other.resolution_s != sensor.resolution_s:
            label = f"sensor {sensor.id} {sensor.name}, which holds data, resolution in s"
            yield Conflict(label, other.resolution_s, sensor.resolution_s, fix)


def _label(sensor: Sensor) -> str:
    return f"{sensor.name} of {sensor.asset}"


def _lagging_sequences(found: Found) -> Iterator[Change]:
    for name, sequence in sorted(found.sequences.items()):
        if name != SENSOR_SEQUENCE and sequence.last < sequence.max_id:
            yield Change("sequence", name, {"last": sequence.last}, {"last": sequence.max_id})


def _sensor_sequence(wanted: Wanted, found: Found) -> Iterator[Change]:
    sequence = found.sequences[SENSOR_SEQUENCE]
    last = max(sequence.max_id, LAST_RESERVED_ID, *(sensor.id for sensor in wanted.sensors), 0)
    if sequence.last < last:
        yield Change("sequence", SENSOR_SEQUENCE, {"last": sequence.last}, {"last": last})


def _asset_types(wanted: Wanted, found: Found) -> Iterator[Change]:
    # FlexMeasures describes the types that it brings itself: only a missing description is filled in.
    for name, description in sorted(wanted.asset_types.items()):
        if name not in found.asset_types:
            yield Change("asset_type", name, None, {"description": description})
        elif found.asset_types[name] is None:
            yield Change("asset_type", name, {"description": None}, {"description": description})


def _assets(wanted: Wanted, found: Found) -> Iterator[Change]:
    for name, asset_type in sorted(wanted.assets.items()):
        if name not in found.assets:
            yield Change("asset", name, None, {"account": wanted.account, "type": asset_type})
        elif found.assets[name] != asset_type:
            current = {"account": wanted.account, "type": found.assets[name]}
            yield Change("asset", name, current, {"account": wanted.account, "type": asset_type})


def _sensors(wanted: Wanted, found: Found) -> Iterator[Change]:
    for sensor in wanted.sensors:
        other = found.sensors.get(sensor.id)
        current = None if other is None else _found_values(other)
        # Attributes that others have set stay.
        attributes = {**(other.attributes if other else {}), **sensor.attributes}
        desired = {
            "name": sensor.name,
            "asset": sensor.asset,
            "unit": sensor.unit,
            "resolution_s": sensor.resolution_s,
            "timezone": wanted.timezone,
            "knowledge_horizon": dict(KNOWLEDGE_HORIZON),
            "attributes": attributes,
        }
        if desired != current:
            yield Change("sensor", str(sensor.id), current, desired)


def _found_values(sensor: FoundSensor) -> dict[str, Any]:
    return {
        "name": sensor.name,
        "asset": sensor.asset,
        "unit": sensor.unit,
        "resolution_s": sensor.resolution_s,
        "timezone": sensor.timezone,
        "knowledge_horizon": dict(sensor.knowledge_horizon),
        "attributes": dict(sensor.attributes),
    }


def _data_sources(wanted: Wanted, found: Found) -> Iterator[Change]:
    for source in wanted.data_sources:
        name = found.users[source.email]
        if name != source.name:
            yield Change(
                "data_source", source.email, None if name is None else {"name": name}, {"name": source.name}
            )
