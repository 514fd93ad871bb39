"""What stands in the way of a plan: ids and names that belong to others, data that would change meaning."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Conflict
from .model import Asset, Found, FoundAsset, FoundSensor, Sensor, Wanted


def refusals(wanted: Wanted, found: Found, *, allow_data_change: bool) -> list[Conflict]:
    """Return every conflict between ``wanted`` and ``found``; no change may be made while there is one."""
    conflicts = [
        *_missing(wanted, found),
        *_taken_asset_ids(wanted, found),
        *_taken_asset_names(wanted, found),
        *_taken_sensor_ids(wanted, found),
        *_taken_sensor_names(wanted, found),
    ]
    return conflicts if allow_data_change else [*conflicts, *_reread_data(wanted, found)]


def is_ours_asset(asset: Asset, other: FoundAsset) -> bool:
    """Whether ``other``, found under the wanted id, is the map's: by our mark or its identity."""
    return other.ours or (other.name, other.account) == (asset.name, asset.account)


def is_ours_sensor(sensor: Sensor, other: FoundSensor) -> bool:
    """Whether ``other``, found under the wanted id, is the map's: by our mark or its identity."""
    return other.ours or (other.name, other.asset_id) == (sensor.name, sensor.asset_id)


def _missing(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    fix = "run the flexmeasures role first, or add it to the accounts that the map makes"
    for account in sorted({asset.account for asset in wanted.assets} - found.accounts - set(wanted.accounts)):
        yield Conflict(f"account {account}", "missing", "present", fix)
    for source in wanted.data_sources:
        if source.email is not None and source.email not in found.users:
            fix = "run the flexmeasures role first, it makes the posting users"
            yield Conflict(f"user {source.email} of data source {source.name}", "missing", "present", fix)


def _taken_asset_ids(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    for asset in wanted.assets:
        other = found.assets.get(asset.id)
        if other is not None and not is_ours_asset(asset, other):
            yield Conflict(
                f"asset id {asset.id}",
                f"{other.name} (account {other.account or 'none'})",
                f"{asset.name} (account {asset.account})",
                "give the map another id, or run with sensor_map_make_room=true: that asset then gets one "
                "beyond those of the map",
            )


def _taken_asset_names(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    """Yield the names that stay with an asset outside the map: root names are unique in an account."""
    moving = {asset.id for asset in wanted.assets}
    places = {
        (other.parent_id, other.account if other.parent_id is None else None, other.name): other.id
        for other in found.assets.values()
        if other.id not in moving
    }
    for asset in wanted.assets:
        place = (asset.parent_id, asset.account if asset.parent_id is None else None, asset.name)
        if place in places:
            holder = places[place]
            fix = f"rename or delete asset {holder} in FlexMeasures, or change the map"
            yield Conflict(f"asset name {asset.name}", f"asset {holder}", f"asset {asset.id}", fix)


def _taken_sensor_ids(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    for sensor in wanted.sensors:
        other = found.sensors.get(sensor.id)
        if other is not None and not is_ours_sensor(sensor, other):
            yield Conflict(
                f"sensor id {sensor.id}",
                f"{other.name} of {_asset_label(found.assets.get(other.asset_id))}",
                f"{sensor.name} of asset {sensor.asset_id}",
                "rename or delete that sensor in FlexMeasures, or give the map another id",
            )


def _taken_sensor_names(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    moving = {sensor.id for sensor in wanted.sensors}
    places = {
        (other.asset_id, other.name): other.id for other in found.sensors.values() if other.id not in moving
    }
    for sensor in wanted.sensors:
        holder = places.get((sensor.asset_id, sensor.name))
        if holder is not None:
            fix = f"rename or delete sensor {holder} in FlexMeasures, or change the map"
            name = f"sensor name {sensor.name} of asset {sensor.asset_id}"
            yield Conflict(name, f"sensor {holder}", f"sensor {sensor.id}", fix)


def _reread_data(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    """Yield the sensors whose stored values would be read in another unit, resolution or as another's."""
    fix = (
        "correct the map, or run with sensor_map_allow_data_change=true if the stored values may be reread so"
    )
    ids = {sensor.name: sensor.id for sensor in wanted.sensors}
    for sensor in wanted.sensors:
        other = found.sensors.get(sensor.id)
        if other is None or not other.has_data or not is_ours_sensor(sensor, other):
            continue
        label = f"sensor {sensor.id} {sensor.name}, which holds data"
        if other.unit != sensor.unit:
            yield Conflict(f"{label}, unit", other.unit, sensor.unit, fix)
        if other.resolution_s != sensor.resolution_s:
            yield Conflict(f"{label}, resolution in s", other.resolution_s, sensor.resolution_s, fix)
        # A plain rename keeps the data's meaning; a name that the map gives to another id does not.
        if ids.get(other.name, sensor.id) != sensor.id:
            expected = f"{sensor.name} (the map gives {other.name} to sensor {ids[other.name]})"
            yield Conflict(f"{label}, name", other.name, expected, fix)


def _asset_label(asset: FoundAsset | None) -> str:
    return (
        "no asset" if asset is None else f"asset {asset.id} {asset.name} (account {asset.account or 'none'})"
    )
