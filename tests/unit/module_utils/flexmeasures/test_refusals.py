"""What a plan refuses, all of it in one error."""

from dataclasses import replace

import pytest
from ansible.module_utils.cariflex.errors import ConflictError
from ansible.module_utils.cariflex.flexmeasures.model import FoundAsset
from ansible.module_utils.cariflex.flexmeasures.planner import plan
from tests.unit.module_utils.flexmeasures.market import (
    OTHER,
    SENSOR,
    found_sensor,
    small_found,
    small_wanted,
)


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


def test__plan__refuses_to_swap_the_names_of_stored_data():
    found = small_found(found_sensor(84, "feed_in", has_data=True), found_sensor(85, "price", has_data=True))
    with pytest.raises(ConflictError, match=r"the map gives feed_in to sensor 85") as caught:
        plan(small_wanted(SENSOR, OTHER), found)
    assert len(caught.value.conflicts) == 2
    assert len(plan(small_wanted(SENSOR, OTHER), found, allow_data_change=True).changes) == 2
