"""Assets that an earlier deployment made under other ids."""

from dataclasses import replace

import pytest
from ansible.module_utils.cariflex.errors import ConflictError
from ansible.module_utils.cariflex.flexmeasures.model import MARK, Asset, FoundAsset
from ansible.module_utils.cariflex.flexmeasures.planner import plan
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
