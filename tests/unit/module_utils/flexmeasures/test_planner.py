"""Properties: applying a plan gives the wanted state, planning again gives nothing, others' things stay."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible.module_utils.cariflex.change import Change, actions, before_after
from ansible.module_utils.cariflex.errors import ConflictError
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
from ansible.module_utils.cariflex.flexmeasures.planner import Plan, plan
from hypothesis import given
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


@given(wanted_states(), found_states(), st.booleans())
def test__plan__applied_reaches_wanted_and_then_is_empty(wanted: Wanted, found: Found, delete_data: bool):
    try:
        planned = plan(wanted, found, allow_data_change=True, delete_data=delete_data)
    except ConflictError:
        return
    reached = apply(planned, found)
    again = plan(wanted, reached, delete_data=delete_data)
    assert list(again.changes) == []
    assert again.retained_sensors == planned.retained_sensors
    assert again.retained_assets == planned.retained_assets
    for sensor in wanted.sensors:
        made = reached.sensors[sensor.id]
        assert (made.name, made.asset_id) == (sensor.name, sensor.asset_id)
        assert (made.unit, made.resolution_s) == (sensor.unit, sensor.resolution_s)
        assert made.timezone == wanted.timezone
        assert made.attributes.items() >= sensor.attributes.items()
    for asset in wanted.assets:
        made_asset = reached.assets[asset.id]
        assert (made_asset.name, made_asset.parent_id) == (asset.name, asset.parent_id)
        assert asset.flex_model is None or made_asset.flex_model == asset.flex_model
        assert asset.flex_context is None or made_asset.flex_context == asset.flex_context
    for name in ("sensor_id_seq", "generic_asset_id_seq"):
        highest = max([*(reached.sensors if name == "sensor_id_seq" else reached.assets), 20])
        assert reached.sequences[name].last >= highest
    assert set(wanted.accounts) <= reached.accounts
    assert ("Clear sky", "model") in reached.other_sources


@given(wanted_states(), found_states(), st.booleans())
def test__plan__touches_only_what_is_ours(wanted: Wanted, found: Found, delete_data: bool):
    try:
        planned = plan(wanted, found, allow_data_change=True, delete_data=delete_data)
    except ConflictError:
        return
    reached = apply(planned, found)
    named = {sensor.id: sensor for sensor in (*wanted.sensors, *wanted.retired_sensors)}
    for sensor_id, other in found.sensors.items():
        ours = sensor_id in named and (
            other.ours or (other.name, other.asset_id) == (named[sensor_id].name, named[sensor_id].asset_id)
        )
        if not ours:
            assert replace(reached.sensors[sensor_id], asset_id=other.asset_id) == other
        elif sensor_id not in reached.sensors:
            assert sensor_id not in {sensor.id for sensor in wanted.sensors}
            assert delete_data or not other.has_data
        else:
            assert reached.sensors[sensor_id].has_data == other.has_data
            assert reached.sensors[sensor_id].attributes.keys() >= other.attributes.keys()
    renumbered = {c.current["id"] for c in planned.changes if c.kind == "asset_id" and c.current}
    named_assets = {asset.id for asset in (*wanted.assets, *wanted.retired_assets)}
    for asset_id, other_asset in found.assets.items():
        if asset_id not in named_assets | renumbered:
            assert replace(reached.assets[asset_id], parent_id=other_asset.parent_id) == other_asset


@given(wanted_states(), found_states())
def test__plan__without_leave_never_rereads_data(wanted: Wanted, found: Found):
    try:
        planned = plan(wanted, found)
    except ConflictError:
        return
    reached = apply(planned, found)
    ids = {sensor.name: sensor.id for sensor in wanted.sensors}
    for sensor_id, other in found.sensors.items():
        if other.has_data:
            after = reached.sensors[sensor_id]
            assert (after.unit, after.resolution_s) == (other.unit, other.resolution_s)
            if after.name != other.name:
                assert other.name not in ids


@given(wanted_states(), found_states())
def test__before_after__names_exactly_the_changes(wanted: Wanted, found: Found):
    try:
        changes = plan(wanted, found, allow_data_change=True, delete_data=True).changes
    except ConflictError:
        return
    diff = before_after(changes)
    assert len(actions(changes)) == len(diff["before"].keys() | diff["after"].keys()) == len(changes)
    assert diff["before"].keys() >= {f"{c.kind} {c.name}" for c in changes if c.action == "delete"}
    assert all(diff["after"][f"{c.kind} {c.name}"] for c in changes if c.action == "update")


ASSET = Asset(84, "market", "market", "Cariflex")
SENSOR = Sensor(84, "price", "EUR/MWh", 3600, 84, "Price", "none", "OpenADR VTN")
OTHER = replace(SENSOR, id=85, name="feed_in")


def small_wanted(*sensors: Sensor, **changes: Any) -> Wanted:
    sources = (DataSource("OpenADR VTN", "openadr@cariflex.internal"),)
    wanted = Wanted("America/Martinique", sensors or (SENSOR,), (ASSET,), {"market": "Market"}, sources)
    return replace(wanted, **changes)


def small_found(*sensors: FoundSensor) -> Found:
    return Found(
        accounts=frozenset({"Cariflex"}),
        asset_types={"market": "x"},
        assets={84: FoundAsset(84, "market", "market", "Cariflex", None, dict(MARK), {}, {})},
        sensors={sensor.id: sensor for sensor in sensors},
        users={"openadr@cariflex.internal": "OpenADR VTN"},
        other_sources=frozenset(),
        sequences=dict.fromkeys(TABLES, FoundSequence(2000, 0)),
    )


def found_sensor(
    sensor_id: int, name: str, attributes: Mapping[str, Any] = MARK, *, has_data: bool = False
) -> FoundSensor:
    zone = "America/Martinique"
    return FoundSensor(sensor_id, name, 84, "EUR/MWh", 3600, zone, KNOWLEDGE_HORIZON, attributes, has_data)


def test__plan__lists_all_conflicts_in_one_error():
    found = small_found(found_sensor(84, "other", {}), found_sensor(2001, "feed_in", {}))
    theirs = FoundAsset(84, "theirs", "market", "Other", None, {}, {}, {})
    namesake = FoundAsset(9, "market", "market", "Cariflex", None, {}, {}, {})
    found = replace(found, accounts=frozenset(), users={}, assets={84: theirs, 9: namesake})
    with pytest.raises(ConflictError) as caught:
        plan(small_wanted(SENSOR, OTHER), found)
    assert [conflict.subject for conflict in caught.value.conflicts] == [
        "account Cariflex",
        "user openadr@cariflex.internal of data source OpenADR VTN",
        "asset id 84",
        "asset name market",
        "sensor id 84",
        "sensor name feed_in of asset 84",
    ]
    assert "Fix: " in str(caught.value)


def test__plan__gives_assets_of_an_earlier_deployment_their_ids():
    """As before this map had ids for assets: its sensors prove which is which; a namesake proves nothing."""
    found = replace(
        small_found(replace(found_sensor(84, "price", {}, has_data=True), asset_id=9)),
        assets={
            9: FoundAsset(9, "market", "market", "Cariflex", None, {}, {}, {}),
            84: FoundAsset(84, "Bat_01", "market", "Cariflex", None, dict(MARK), {}, {}),
        },
    )
    battery = Asset(51, "Bat_01", "market", "Cariflex")
    planned = plan(small_wanted(SENSOR, assets=(ASSET, battery)), found)
    assert [c.differing() for c in planned.changes if c.kind == "asset_id"] == [{"id": 84}, {"id": 51}]
    assert [c.differing() for c in planned.changes if c.kind == "sensor"] == [{"attributes": MARK}]

    namesake = replace(found, sensors={})
    with pytest.raises(ConflictError, match="asset name market: is 'asset 9'"):
        plan(small_wanted(SENSOR, assets=(ASSET, battery)), namesake)


def test__plan__renames_its_own_sensor_with_its_data():
    found = small_found(found_sensor(84, "old_price", has_data=True))
    (change,) = plan(small_wanted(), found).changes
    assert (change.action, change.differing()) == ("update", {"name": "price"})


def test__plan__refuses_to_swap_the_names_of_stored_data():
    found = small_found(found_sensor(84, "feed_in", has_data=True), found_sensor(85, "price", has_data=True))
    with pytest.raises(ConflictError, match=r"the map gives feed_in to sensor 85") as caught:
        plan(small_wanted(SENSOR, OTHER), found)
    assert len(caught.value.conflicts) == 2
    assert len(plan(small_wanted(SENSOR, OTHER), found, allow_data_change=True).changes) == 2


def test__plan__keeps_retired_data_unless_told():
    wanted = small_wanted(SENSOR, retired_sensors=(OTHER,))
    found = small_found(found_sensor(84, "price"), found_sensor(85, "feed_in", has_data=True))
    kept = plan(wanted, found)
    assert (list(kept.changes), kept.retained_sensors) == ([], [85])
    (gone,) = plan(wanted, found, delete_data=True).changes
    assert (gone.action, gone.name) == ("delete", "85")


def test__plan__takes_the_flex_model_from_a_retired_asset_that_stays():
    battery = Asset(51, "Bat_01", "market", "Cariflex")
    sensor = replace(OTHER, asset_id=51)
    stored = FoundAsset(51, "Bat_01", "market", "Cariflex", None, dict(MARK), {}, {"soc-max": "1 kWh"})
    found = small_found(
        found_sensor(84, "price"), replace(found_sensor(85, "feed_in", has_data=True), asset_id=51)
    )
    found = replace(found, assets={**found.assets, 51: stored})
    wanted = small_wanted(SENSOR, retired_sensors=(sensor,), retired_assets=(battery,))
    planned = plan(wanted, found)
    assert [(change.name, change.differing()) for change in planned.changes] == [("51", {"flex_model": {}})]
    assert (planned.retained_sensors, planned.retained_assets) == ([85], [51])


def test__plan__renames_the_data_source_of_a_user():
    found = replace(small_found(found_sensor(84, "price")), users={"openadr@cariflex.internal": "openadr"})
    expected = Change(
        "data_source", "openadr@cariflex.internal", {"name": "openadr"}, {"name": "OpenADR VTN"}
    )
    assert list(plan(small_wanted(), found).changes) == [expected]


def test__plan__moves_the_reserved_sequences_last():
    found = replace(small_found(), sequences=dict.fromkeys(TABLES, FoundSequence(1, 5)))
    changes = plan(small_wanted(), found).changes
    assert [change.name for change in changes] == [
        "account_id_seq",
        "data_source_id_seq",
        "generic_asset_type_id_seq",
        "84",
        "generic_asset_id_seq",
        "sensor_id_seq",
    ]
    assert changes[-1].desired == {"last": 1999}
