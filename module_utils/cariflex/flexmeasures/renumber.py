"""Assets of the map that were made under another id get the fixed one; those of others make room for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..change import Change
from .model import Found, Wanted
from .refusals import is_ours_asset

ASSET_SEQUENCE = "generic_asset_id_seq"


def renumbered(wanted: Wanted, found: Found, *, make_room: bool = False) -> tuple[list[Change], Found]:
    """Return the changes of ids, and the state as it is once they are made.

    An asset is the map's if it has its name and account, and either our mark or one of its sensors, under
    that sensor's id and name. It stays where it is while something else holds the id; with ``make_room`` that
    asset gets the next id beyond the table's.
    """
    moves = _moves(wanted, found, make_room=make_room)
    if not moves:
        return [], found
    changes = [
        Change("asset_id", found.assets[old].name, {"id": old}, {"id": new})
        for old, new in sorted(moves.items())
    ]
    assets = {
        moves.get(asset.id, asset.id): replace(
            asset,
            id=moves.get(asset.id, asset.id),
            parent_id=None if asset.parent_id is None else moves.get(asset.parent_id, asset.parent_id),
        )
        for asset in found.assets.values()
    }
    sensors = {
        sensor.id: replace(sensor, asset_id=moves.get(sensor.asset_id, sensor.asset_id))
        for sensor in found.sensors.values()
    }
    sequence = found.sequences[ASSET_SEQUENCE]
    highest = replace(sequence, max_id=max(sequence.max_id, *assets))
    return changes, replace(
        found, assets=assets, sensors=sensors, sequences={**found.sequences, ASSET_SEQUENCE: highest}
    )


def _moves(wanted: Wanted, found: Found, *, make_room: bool) -> Mapping[int, int]:
    """Old id -> new id of each asset that can be renumbered."""
    names = {(asset.name, asset.account): asset.id for asset in wanted.assets}
    held = {(sensor.id, sensor.name, sensor.asset_id) for sensor in wanted.sensors}
    proven = {
        sensor.asset_id: names.get((asset.name, asset.account or ""))
        for sensor in found.sensors.values()
        if (asset := found.assets.get(sensor.asset_id)) is not None
        and (sensor.id, sensor.name, names.get((asset.name, asset.account or ""))) in held
    }
    moves: dict[int, int] = {}
    for other in found.assets.values():
        new = names.get((other.name, other.account or ""))
        if new is None or new == other.id or new in moves.values():
            continue
        if other.ours or proven.get(other.id) == new:
            moves[other.id] = new
    if make_room:
        free = max([wanted.last_reserved_id, *found.assets, *moves.values()]) + 1
        held_by_others = [
            asset.id
            for asset in wanted.assets
            if asset.id in found.assets
            and asset.id not in moves
            and not is_ours_asset(asset, found.assets[asset.id])
        ]
        moves |= {old: free + n for n, old in enumerate(held_by_others)}
    while blocked := {old for old, new in moves.items() if new in found.assets and new not in moves}:
        for old in blocked:
            del moves[old]
    return moves
