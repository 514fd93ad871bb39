"""One asset with two price sensors, wanted and found: small cases of planner, refusals and renumbering."""

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
from tests.unit.module_utils.flexmeasures.states import TABLES

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
