"""Properties: applying a plan gives the wanted state, planning again gives nothing, others' things stay."""

from dataclasses import replace

from ansible.module_utils.cariflex.change import actions, before_after
from ansible.module_utils.cariflex.errors import ConflictError
from ansible.module_utils.cariflex.flexmeasures.model import Found, Wanted
from ansible.module_utils.cariflex.flexmeasures.planner import plan
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.module_utils.flexmeasures.states import apply, found_states, wanted_states


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
