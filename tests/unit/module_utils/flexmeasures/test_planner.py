"""Property: applying a plan gives the wanted state, and planning again gives nothing."""

from dataclasses import replace

import pytest
from ansible.module_utils.cariflex.change import Change, actions, before_after
from ansible.module_utils.cariflex.errors import ConflictError
from ansible.module_utils.cariflex.flexmeasures.model import (
    DataSource,
    Found,
    FoundSensor,
    FoundSequence,
    Sensor,
    Wanted,
)
from ansible.module_utils.cariflex.flexmeasures.planner import plan
from hypothesis import given
from hypothesis import strategies as st

TABLES = ("data_source_id_seq", "generic_asset_id_seq", "generic_asset_type_id_seq", "sensor_id_seq")
ASSETS = {"PV_01": "solar", "Bat_01": "battery", "market": "market"}
HORIZON = {"fnc": "ex_post", "par": {"ex_post_horizon": "P0D"}}
EMAILS = ("a@cariflex.internal", "b@cariflex.internal")


def apply(changes: list[Change], found: Found) -> Found:
    """The database in memory: what applier's SQL does."""
    types, assets, sensors = dict(found.asset_types), dict(found.assets), dict(found.sensors)
    users, sequences = dict(found.users), dict(found.sequences)
    for change in changes:
        values = dict(change.desired)
        if change.kind == "asset_type":
            types[change.name] = values["description"]
        elif change.kind == "asset":
            assert values["type"] in types
            assets[change.name] = values["type"]
        elif change.kind == "sensor":
            assert values["asset"] in assets
            old = sensors.get(int(change.name))
            sensors[int(change.name)] = FoundSensor(
                id=int(change.name), has_data=old is not None and old.has_data, **values
            )
        elif change.kind == "data_source":
            users[change.name] = values["name"]
        else:
            sequences[change.name] = replace(sequences[change.name], last=values["last"])
    return Found(found.account_exists, types, assets, sensors, users, sequences)


def identity(sensor_id: int) -> tuple[str, str]:
    return f"s{sensor_id}", sorted(ASSETS)[sensor_id % len(ASSETS)]


@st.composite
def wanted_states(draw: st.DrawFn) -> Wanted:
    sensors = []
    for sensor_id in sorted(draw(st.sets(st.integers(1, 1999), max_size=6))):
        name, asset = identity(sensor_id)
        unit, resolution = draw(st.sampled_from(("kW", "kWh"))), draw(st.sampled_from((0, 300)))
        sign = draw(st.sampled_from(("none", "production", "consumption")))
        sensors.append(Sensor(sensor_id, name, unit, resolution, asset, ASSETS[asset], "T", sign, "src"))
    names = draw(st.lists(st.sampled_from(("x", "y")), max_size=2))
    sources = tuple(DataSource(name, email) for name, email in zip(names, EMAILS, strict=False))
    types = dict.fromkeys(ASSETS.values(), "text")
    return Wanted("Cariflex", "America/Martinique", tuple(sensors), types, sources)


@st.composite
def found_states(draw: st.DrawFn, has_data: bool) -> Found:
    sensors = {}
    for sensor_id in draw(st.sets(st.integers(1, 2100), max_size=6)):
        name, asset = identity(sensor_id)
        sensors[sensor_id] = FoundSensor(
            sensor_id,
            name,
            asset,
            draw(st.sampled_from(("kW", "kWh"))),
            draw(st.sampled_from((0, 300))),
            draw(st.sampled_from(("UTC", "America/Martinique"))),
            draw(st.sampled_from((HORIZON, {"fnc": "x", "par": {}}))),
            draw(st.sampled_from(({}, {"consumption_is_positive": True}, {"theirs": 1}))),
            draw(st.booleans()) if has_data else False,
        )
    known = draw(st.sets(st.sampled_from(sorted(ASSETS))))
    assets = {name: draw(st.sampled_from(sorted(ASSETS.values()))) for name in known}
    assets |= {
        sensor.asset: ASSETS[sensor.asset] for sensor in sensors.values() if sensor.asset not in assets
    }
    types = dict.fromkeys(assets.values(), draw(st.sampled_from((None, "theirs"))))
    sequences = {
        table: FoundSequence(draw(st.integers(0, 2500)), max(sensors, default=0) if "sensor" in table else 7)
        for table in TABLES
    }
    users = {email: draw(st.sampled_from((None, "x", "y"))) for email in EMAILS}
    return Found(True, types, assets, sensors, users, sequences)


@given(wanted_states(), found_states(has_data=True))
def test__plan__applied_reaches_wanted_and_then_is_empty(wanted: Wanted, found: Found):
    reached = apply(plan(wanted, found, allow_data_change=True), found)
    assert plan(wanted, reached) == []
    for sensor in wanted.sensors:
        made = reached.sensors[sensor.id]
        assert (made.name, made.asset) == (sensor.name, sensor.asset)
        assert (made.unit, made.resolution_s) == (sensor.unit, sensor.resolution_s)
        assert made.timezone == wanted.timezone
        assert made.attributes.items() >= sensor.attributes.items()
    assert reached.sequences["sensor_id_seq"].last >= max([1999, *reached.sensors])
    assert all(sequence.last >= sequence.max_id for sequence in reached.sequences.values())


@given(wanted_states(), found_states(has_data=True))
def test__plan__leaves_all_else_alone(wanted: Wanted, found: Found):
    reached = apply(plan(wanted, found, allow_data_change=True), found)
    ours = {sensor.id for sensor in wanted.sensors}
    for sensor_id, sensor in found.sensors.items():
        after = reached.sensors[sensor_id]
        if sensor_id not in ours:
            assert after == sensor
        assert after.has_data == sensor.has_data
        assert after.attributes.keys() >= sensor.attributes.keys()


@given(wanted_states(), found_states(has_data=True))
def test__plan__without_leave_never_rereads_data(wanted: Wanted, found: Found):
    danger = [
        sensor.id
        for sensor in wanted.sensors
        if (other := found.sensors.get(sensor.id)) is not None
        and other.has_data
        and (other.unit, other.resolution_s) != (sensor.unit, sensor.resolution_s)
    ]
    if danger:
        with pytest.raises(ConflictError) as caught:
            plan(wanted, found)
        assert all(f"sensor {sensor_id} " in str(caught.value) for sensor_id in danger)
    else:
        plan(wanted, found)


@given(wanted_states(), found_states(has_data=False))
def test__before_after__names_exactly_the_changes(wanted: Wanted, found: Found):
    changes = plan(wanted, found)
    diff = before_after(changes)
    assert len(actions(changes)) == len(diff["after"]) == len(changes)
    assert bool(changes) == (diff["before"] != diff["after"])
    assert diff["before"].keys() <= diff["after"].keys()


def small_wanted() -> Wanted:
    sensor = Sensor(84, "price", "EUR/MWh", 3600, "market", "market", "Price", "none", "OpenADR VTN")
    sources = (DataSource("OpenADR VTN", "openadr@cariflex.internal"),)
    return Wanted("Cariflex", "America/Martinique", (sensor,), {"market": "Energy market"}, sources)


def small_found(*sensors: FoundSensor, account_exists: bool = True) -> Found:
    sequences = dict.fromkeys(TABLES, FoundSequence(2000, 0))
    users = {"openadr@cariflex.internal": "OpenADR VTN"}
    found = {sensor.id: sensor for sensor in sensors}
    return Found(account_exists, {"market": "x"}, {"market": "market"}, found, users, sequences)


def sensor_row(sensor_id: int, name: str, asset: str) -> FoundSensor:
    return FoundSensor(sensor_id, name, asset, "EUR/MWh", 3600, "America/Martinique", HORIZON, {})


def test__plan__lists_all_conflicts_in_one_error():
    found = small_found(
        sensor_row(84, "other", 'asset 9 "market" (account Other)'),
        sensor_row(85, "price", "market"),
        account_exists=False,
    )
    with pytest.raises(ConflictError) as caught:
        plan(small_wanted(), replace(found, users={}))
    assert [conflict.subject for conflict in caught.value.conflicts] == [
        "account Cariflex",
        "user openadr@cariflex.internal of data source OpenADR VTN",
        "sensor id 84",
        "sensor name price of market",
    ]
    assert "Fix: " in str(caught.value)


def test__plan__renames_the_data_source_of_a_user():
    found = replace(small_found(), users={"openadr@cariflex.internal": "openadr"})
    changes = [change for change in plan(small_wanted(), found) if change.kind == "data_source"]
    expected = Change(
        "data_source", "openadr@cariflex.internal", {"name": "openadr"}, {"name": "OpenADR VTN"}
    )
    assert changes == [expected]


def test__plan__moves_the_sensor_sequence_last():
    sequences = dict.fromkeys(TABLES, FoundSequence(1, 5))
    changes = plan(small_wanted(), replace(small_found(), sequences=sequences))
    assert [change.name for change in changes] == [*TABLES[:3], "84", "sensor_id_seq"]
    assert changes[-1].desired == {"last": 1999}
