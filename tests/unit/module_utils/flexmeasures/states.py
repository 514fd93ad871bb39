"""The database in memory, and strategies for the wanted and found states of the property tests."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible.module_utils.cariflex.flexmeasures.model import (
    KNOWLEDGE_HORIZON,
    MARK,
    Asset,
    DataSource,
    Found,
    FoundAsset,
    FoundSensor,
    FoundSequence,
    Sensor,
    Wanted,
)
from ansible.module_utils.cariflex.flexmeasures.planner import Plan
from hypothesis import strategies as st

TABLES = (
    "account_id_seq",
    "data_source_id_seq",
    "generic_asset_id_seq",
    "generic_asset_type_id_seq",
    "sensor_id_seq",
)
TYPES = ("battery", "solar")
ACCOUNTS = ("Cariflex", "Other")
EMAILS = ("a@cariflex.internal", "b@cariflex.internal")
FLEX = (None, {}, {"soc-max": "200 kWh"})


def apply(planned: Plan, found: Found) -> Found:
    """The database in memory: what applier's SQL does, with its foreign keys and unique names."""
    accounts, types, assets = set(found.accounts), dict(found.asset_types), dict(found.assets)
    sensors, users, sequences = dict(found.sensors), dict(found.users), dict(found.sequences)
    other_sources = set(found.other_sources)
    renumbered = {
        change.current["id"]: change.desired["id"]
        for change in planned.changes
        if change.kind == "asset_id" and change.current and change.desired
    }
    moved = {
        renumbered.get(asset.id, asset.id): replace(
            asset,
            id=renumbered.get(asset.id, asset.id),
            parent_id=renumbered.get(asset.parent_id or 0, asset.parent_id),
        )
        for asset in assets.values()
    }
    assert len(moved) == len(assets)
    assets = moved
    sensors = {
        sensor.id: replace(sensor, asset_id=renumbered.get(sensor.asset_id, sensor.asset_id))
        for sensor in sensors.values()
    }
    for change in planned.changes:
        if change.kind == "asset_id":
            continue
        values: Mapping[str, Any] = change.desired or {}
        if change.kind == "account":
            accounts.add(change.name)
        elif change.kind == "asset_type":
            types[change.name] = values["description"]
        elif change.kind == "asset" and change.desired is None:
            assert all(sensor.asset_id != int(change.name) for sensor in sensors.values())
            del assets[int(change.name)]
        elif change.kind == "asset":
            assert values["type"] in types
            assert values["account"] in accounts
            assets[int(change.name)] = FoundAsset(id=int(change.name), **values)
        elif change.kind == "sensor" and change.desired is None:
            del sensors[int(change.name)]
        elif change.kind == "sensor":
            assert values["asset_id"] in assets
            old = sensors.get(int(change.name))
            has_data = old is not None and old.has_data
            sensors[int(change.name)] = FoundSensor(id=int(change.name), has_data=has_data, **values)
        elif change.kind == "data_source":
            users[change.name] = values["name"]
        elif change.kind == "source":
            other_sources.add((change.name, values["type"]))
        else:
            sequences[change.name] = replace(sequences[change.name], last=values["last"])
    assert all(asset.parent_id is None or asset.parent_id in assets for asset in assets.values())
    places = [(sensor.asset_id, sensor.name) for sensor in sensors.values()]
    assert len(set(places)) == len(places)
    return Found(frozenset(accounts), types, assets, sensors, users, frozenset(other_sources), sequences)


@st.composite
def wanted_states(draw: st.DrawFn) -> Wanted:
    """A table of sites 1-2 and assets 3-8 below them, sensors on all, some of both retired."""
    names = draw(st.permutations([f"a{n}" for n in range(1, 9)]))
    sites = [
        Asset(n, names[n - 1], "solar", "Cariflex", flex_context=draw(st.sampled_from(FLEX))) for n in (1, 2)
    ]
    assets = [
        Asset(
            n,
            names[n - 1],
            draw(st.sampled_from(TYPES)),
            "Cariflex",
            draw(st.sampled_from((None, 1, 2))),
            flex_model=draw(st.sampled_from(FLEX)),
        )
        for n in sorted(draw(st.sets(st.integers(3, 8), max_size=4)))
    ]
    everything = [*sites, *assets]
    ids = sorted(draw(st.sets(st.integers(1, 12), max_size=6)))
    labels = draw(st.permutations([f"s{n}" for n in range(1, 13)]))
    sensors = [
        Sensor(
            n,
            labels[n - 1],
            draw(st.sampled_from(("kW", "kWh"))),
            draw(st.sampled_from((0, 300))),
            draw(st.sampled_from(everything)).id,
            "T",
            draw(st.sampled_from(("none", "production", "consumption"))),
            "src",
        )
        for n in ids
    ]
    retired = draw(st.sets(st.sampled_from(ids))) if ids else set()
    in_use = {sensor.asset_id for sensor in sensors if sensor.id not in retired} | {1, 2}
    retired_assets = {asset.id for asset in assets if asset.id not in in_use and draw(st.booleans())}
    sources = [
        DataSource(name, email) for name, email in zip(draw(st.permutations("xy")), EMAILS, strict=True)
    ]
    return Wanted(
        timezone="America/Martinique",
        sensors=tuple(sensor for sensor in sensors if sensor.id not in retired),
        assets=tuple(asset for asset in everything if asset.id not in retired_assets),
        asset_types=dict.fromkeys(TYPES, "text"),
        data_sources=(*sources, DataSource("Clear sky", type="model")),
        accounts=draw(st.sampled_from(((), ("North",)))),
        retired_sensors=tuple(sensor for sensor in sensors if sensor.id in retired),
        retired_assets=tuple(asset for asset in assets if asset.id in retired_assets),
        last_reserved_id=20,
    )


@st.composite
def found_states(draw: st.DrawFn) -> Found:
    """A database with marked and unmarked assets and sensors, inside and outside the reserved ids."""
    asset_ids = sorted(draw(st.sets(st.integers(1, 25), max_size=6)))
    assets: dict[int, FoundAsset] = {}
    for n, name in zip(asset_ids, draw(st.permutations([f"a{n}" for n in range(1, 9)])), strict=False):
        parent = draw(st.sampled_from((None, *assets)))
        assets[n] = FoundAsset(
            n,
            name,
            draw(st.sampled_from(TYPES)),
            draw(st.sampled_from(ACCOUNTS)) if parent is None else assets[parent].account,
            parent,
            draw(st.sampled_from(({}, dict(MARK), {**MARK, "theirs": 1}))),
            draw(st.sampled_from(({}, {"theirs": 1}))),
            draw(st.sampled_from(({}, {"theirs": 1}))),
        )
    sensors = {}
    names = draw(st.permutations([f"s{n}" for n in range(1, 13)]))
    ids = sorted(draw(st.sets(st.integers(1, 25), max_size=8))) if assets else []
    for n, name in zip(ids, names, strict=False):
        sensors[n] = FoundSensor(
            n,
            name,
            draw(st.sampled_from(sorted(assets))),
            draw(st.sampled_from(("kW", "kWh"))),
            draw(st.sampled_from((0, 300))),
            draw(st.sampled_from(("UTC", "America/Martinique"))),
            draw(st.sampled_from((KNOWLEDGE_HORIZON, {"fnc": "x", "par": {}}))),
            draw(st.sampled_from(({}, dict(MARK), {**MARK, "consumption_is_positive": True, "theirs": 1}))),
            draw(st.booleans()),
        )
    highest = {"sensor_id_seq": max(sensors, default=0), "generic_asset_id_seq": max(assets, default=0)}
    return Found(
        accounts=frozenset(ACCOUNTS),
        asset_types=dict.fromkeys(TYPES, draw(st.sampled_from((None, "theirs")))),
        assets=assets,
        sensors=sensors,
        users={email: draw(st.sampled_from((None, "x", "y"))) for email in EMAILS},
        other_sources=draw(st.sampled_from((frozenset(), frozenset({("Clear sky", "model")})))),
        sequences={table: FoundSequence(draw(st.integers(0, 40)), highest.get(table, 7)) for table in TABLES},
    )
