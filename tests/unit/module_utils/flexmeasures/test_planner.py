"""The plan of single cases: what changes, and in which order."""

from dataclasses import replace

from ansible.module_utils.cariflex.change import Change
from ansible.module_utils.cariflex.flexmeasures.model import MARK, Asset, FoundAsset, FoundSequence
from ansible.module_utils.cariflex.flexmeasures.planner import plan
from tests.unit.module_utils.flexmeasures.market import (
    OTHER,
    SENSOR,
    found_sensor,
    small_found,
    small_wanted,
)
from tests.unit.module_utils.flexmeasures.states import TABLES


def test__plan__renames_its_own_sensor_with_its_data():
    found = small_found(found_sensor(84, "old_price", has_data=True))
    (change,) = plan(small_wanted(), found).changes
    assert (change.action, change.differing()) == ("update", {"name": "price"})


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
