"""The sensor table: expansion, mistakes, and the three environments' own tables."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from ansible.module_utils.cariflex.errors import ConflictError
from ansible.module_utils.cariflex.flexmeasures.model import Wanted, expand, resolution_seconds

ROOT = Path(__file__).resolve().parents[4]
TYPES = {"PV": {"asset_type": "solar", "description": "Photovoltaic"}}
GROUP = {
    "first_id": 41,
    "count": 2,
    "name": "pv_{nn}_power",
    "asset": "PV_{nn}",
    "type": "PV",
    "unit": "kW",
    "resolution": "PT5M",
    "sign": "production",
    "source": "Production Simulator",
}
# The sensor table of the specification: id -> name, unit, source, resolution in s.
SPECIFIED = {
    **{40 + n: (f"pv_{n:02d}_power", "kW", "Production Simulator", 300) for n in range(1, 11)},
    **{50 + n: (f"bat_{n:02d}_power", "kWh", "SOC Simulator", 0) for n in range(1, 11)},
    **{60 + n: (f"ev_{n:02d}_power", "kWh", "Charge Simulator", 0) for n in range(1, 11)},
    81: ("irradiance", "W/m²", "Open-Meteo", 3600),
    82: ("temperature", "°C", "Open-Meteo", 3600),
    83: ("wind_speed", "m/s", "Open-Meteo", 3600),
    84: ("consumption_price", "EUR/MWh", "OpenADR VTN", 3600),
    85: ("production_price", "EUR/MWh", "Simulated", 3600),
    86: ("load_control_signal", "%", "OpenADR VTN", 60),
    87: ("demand_response_signal", "dimensionless", "OpenADR VTN", 60),
}


def inventory(environment: str) -> dict:
    path = ROOT / "inventories" / environment / "group_vars" / "all" / "sensors.yml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def inventory_map(environment: str) -> dict:
    table = inventory(environment)
    sensors, types = expand(table["cariflex_sensor_groups"], table["cariflex_sensor_types"])
    return Wanted("Cariflex", "America/Martinique", sensors, types).sensor_map()


@pytest.mark.parametrize("environment", ["dev", "test", "prod"])
def test__inventory__holds_the_specified_sensors(environment: str):
    rows = {row["id"]: row for row in inventory_map(environment)["sensors"]}
    specified = {key: row for key, row in rows.items() if key < 1001}
    assert {
        key: (row["name"], row["unit"], row["source"], row["resolution_s"]) for key, row in specified.items()
    } == SPECIFIED
    assert len(SPECIFIED) == 37
    assert rows[1001]["name"] == "bat_01_actual_power"
    assert rows[1040] == {
        "id": 1040,
        "name": "ev_10_schedule",
        "unit": "kW",
        "resolution_s": 900,
        "asset": "EV_10",
        "asset_type": "two-way_evse",
        "type": "EV",
        "sign": "consumption",
        "source": "FlexMeasures",
    }
    assert len(rows) == 77
    assert rows[41]["sign"] == "production"


def test__sensor_map__obeys_the_schema():
    schema = json.loads((ROOT / "roles/sensor_map/files/sensor_map.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(inventory_map("dev"), schema)


def test__expand__numbers_names_and_assets():
    sensors, types = expand([GROUP], TYPES)
    assert [(s.id, s.name, s.asset) for s in sensors] == [
        (41, "pv_01_power", "PV_01"),
        (42, "pv_02_power", "PV_02"),
    ]
    assert types == {"solar": "Photovoltaic"}
    assert sensors[0].attributes == {"consumption_is_positive": False}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": "PT10S"}, "resolution: is 'PT10S'"),
        ({"resolution": "PT"}, "resolution: is 'PT'"),
        ({"type": "Wind"}, "type: is 'Wind', expected ['PV']"),
        ({"sign": "plus"}, "sign: is 'plus'"),
        ({"count": 100}, "count: is 100"),
        ({"count": 1}, "if and only if count > 1"),
        ({"first_id": 1999}, "ids: is '1999-2000'"),
        ({"unit": " "}, "unit: is ''"),
    ],
)
def test__expand__names_the_mistake(change: dict, message: str):
    with pytest.raises(ConflictError) as caught:
        expand([{**GROUP, **change}], TYPES)
    assert message in str(caught.value)


def test__expand__lists_every_mistake_of_the_table():
    groups = [GROUP, {**GROUP, "first_id": 42}, {**GROUP, "sign": "plus"}, {**GROUP, "type": "Wind"}]
    with pytest.raises(ConflictError) as caught:
        expand(groups, TYPES)
    text = str(caught.value)
    assert "the id of pv_02_power too" in text
    assert "the name of 41 too" in text
    assert "plus" in text
    assert "Wind" in text


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT0M", 0), ("PT15M", 900), ("PT1H", 3600), ("PT1H30M", 5400)]
)
def test__resolution_seconds__reads_minutes_and_hours(text: str, seconds: int):
    assert resolution_seconds(text) == seconds
