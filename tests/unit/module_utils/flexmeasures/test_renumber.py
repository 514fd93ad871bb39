"""Assets that an earlier deployment made under other ids."""

from dataclasses import replace

import pytest
from ansible.module_utils.cariflex.errors import ConflictError
from ansible.module_utils.cariflex.flexmeasures.model import MARK, Asset, FoundAsset, FoundSequence
from ansible.module_utils.cariflex.flexmeasures.planner import never_deployed, plan
from tests.unit.module_utils.flexmeasures.market import (
    ASSET,
    SENSOR,
    found_sensor,
    small_found,
    small_wanted,
)


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


def test__plan__make_room__moves_an_asset_of_others_beyond_the_table():
    """As in a database that people have filled: its children go with it, the sequence stays ahead."""
    theirs = FoundAsset(84, "Office", "market", "Cariflex", None, {"theirs": 1}, {}, {})
    child = FoundAsset(3000, "Room", "market", "Cariflex", 84, {}, {}, {})
    found = small_found(replace(found_sensor(5000, "office_power", {}, has_data=True)))
    found = replace(
        found,
        assets={84: theirs, 3000: child},
        sequences={**found.sequences, "generic_asset_id_seq": FoundSequence(3000, 3000)},
    )
    with pytest.raises(ConflictError, match="sensor_map_make_room=true"):
        plan(small_wanted(SENSOR), found)

    planned = plan(small_wanted(SENSOR), found, make_room=True)

    [moved] = [change for change in planned.changes if change.kind == "asset_id"]
    assert (moved.name, moved.current, moved.desired) == ("Office", {"id": 84}, {"id": 3001})
    assert [c.name for c in planned.changes if c.kind == "asset"] == ["84"]
    [sequence] = [c for c in planned.changes if c.name == "generic_asset_id_seq"]
    assert sequence.desired == {"last": 3001}


def test__plan__make_room__in_an_empty_database_changes_nothing():
    """As at the beginning of an adoption: the old data are loaded after the first deployment."""
    wanted = small_wanted(SENSOR)
    empty = never_deployed(wanted)
    assert plan(wanted, empty, make_room=True) == plan(wanted, empty)
