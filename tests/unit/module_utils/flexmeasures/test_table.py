"""The inventory's table: expansion, mistakes, and the three environments' own tables."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ansible.module_utils.cariflex.errors import ConflictError
from ansible.module_utils.cariflex.flexmeasures.model import MARK, Wanted
from ansible.module_utils.cariflex.flexmeasures.table import expand, resolution_seconds

ROOT = Path(__file__).resolve().parents[4]
SCHEMA = json.loads((ROOT / "roles/sensor_map/files/sensor_map.schema.json").read_text(encoding="utf-8"))
TYPES = {
    "PV": {"asset_type": "solar", "description": "Photovoltaic"},
    "Site": {"asset_type": "site", "description": "Site"},
}
SENSOR = {
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
SITE = {"first_id": 1, "name": "Site", "type": "Site", "flex_context": {"site-power-capacity": "9 kW"}}
ASSET = {
    "first_id": 41,
    "count": 2,
    "name": "PV_{nn}",
    "type": "PV",
    "parent": "Site",
    "flex_model": {"production": {"sensor": "pv_{nn}_power"}, "production-capacity": "5 kW"},
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


def inventory_map(environment: str) -> dict[str, Any]:
    path = ROOT / "inventories" / environment / "group_vars" / "all" / "sensors.yml"
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    return expand(
        sensors=table["cariflex_sensor_groups"],
        assets=table["cariflex_asset_groups"],
        types=table["cariflex_sensor_types"],
        timezone="America/Martinique",
        account="Cariflex",
        last_reserved_id=table["cariflex_sensor_last_reserved_id"],
    ).sensor_map()


def expanded(
    sensor: dict[str, Any] | None = None, asset: dict[str, Any] | None = None, **changes: Any
) -> Wanted:
    """The small table with one row or one option changed."""
    table: dict[str, Any] = {
        "sensors": [{**SENSOR, **(sensor or {})}],
        "assets": [SITE, {**ASSET, **(asset or {})}],
        "types": TYPES,
        "timezone": "UTC",
        "account": "Cariflex",
    }
    return expand(**{**table, **changes})


def mistakes(*rows: Any, **changes: Any) -> str:
    """The error of the small table so changed."""
    with pytest.raises(ConflictError) as caught:
        expanded(*rows, **changes)
    return str(caught.value)


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
    assert rows[41]["sign"] == "production"


@pytest.mark.parametrize("environment", ["dev", "test", "prod"])
def test__inventory__lets_flexmeasures_schedule_the_ten_devices(environment: str):
    rendered = inventory_map(environment)
    assets = {asset["name"]: asset for asset in rendered["assets"]}
    schedules = {row["name"]: row for row in rendered["sensors"] if row["name"].endswith("_schedule")}
    scheduled = [asset for asset in rendered["assets"] if asset["flex_model"]]
    names = [f"{kind}_{n:02d}" for kind in ("Bat", "EV") for n in range(1, 6)]
    assert [asset["name"] for asset in scheduled] == names
    for asset in scheduled:
        site = assets[asset["parent"]]["flex_context"]
        assert site["consumption-price"] == {"sensor": 84}
        assert site["production-price"] == {"sensor": 85}
        output = schedules[f"{asset['name'].lower()}_schedule"]
        assert asset["flex_model"]["consumption"] == {"sensor": output["id"]}
        assert (output["asset"], output["sign"]) == (asset["name"], "consumption")


def test__sensor_map__obeys_the_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(inventory_map("dev"), SCHEMA)


def test__expand__numbers_names_assets_and_references():
    wanted = expanded({"first_number": 9, "first_id": 49}, {"first_number": 9, "first_id": 49})
    assert [(s.id, s.name, s.asset_id) for s in wanted.sensors] == [
        (49, "pv_09_power", 49),
        (50, "pv_10_power", 50),
    ]
    assert wanted.sensors[0].attributes == {**MARK, "consumption_is_positive": False}
    assert [(a.name, a.parent_id, a.type) for a in wanted.assets] == [
        ("Site", None, "site"),
        ("PV_09", 1, "solar"),
        ("PV_10", 1, "solar"),
    ]
    flex_model = {"production": {"sensor": 50}, "production-capacity": "5 kW"}
    assert wanted.assets[2].flex_model == flex_model
    assert wanted.asset_types["solar"] == "Photovoltaic"


def test__expand__a_group_may_grow_beyond_its_digits():
    wanted = expanded({"count": 120}, {"count": 120})
    assert [sensor.name for sensor in wanted.sensors][98:100] == ["pv_99_power", "pv_100_power"]
    wanted = expanded({"name": "pv_{nnn}"}, {"flex_model": None})
    assert wanted.sensors[0].name == "pv_001"


def test__expand__retires_ids_of_a_group():
    wanted = expanded(asset={"flex_model": None}, retired_sensors=[42], retired_assets=[42])
    assert [sensor.id for sensor in wanted.sensors] == [41]
    assert [(sensor.id, sensor.name) for sensor in wanted.retired_sensors] == [(42, "pv_02_power")]
    assert [asset.name for asset in wanted.retired_assets] == ["PV_02"]
    assert [row["name"] for row in wanted.sensor_map()["assets"]] == ["Site", "PV_01"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resolution": "PT10S"}, "resolution: is 'PT10S'"),
        ({"resolution": "PT"}, "resolution: is 'PT'"),
        ({"type": "Wind"}, "type: is 'Wind', expected ['PV', 'Site']"),
        ({"sign": "plus"}, "sign: is 'plus'"),
        ({"count": 0}, "count: is 0"),
        ({"count": "2"}, "count: is '2', expected 'int'"),
        ({"first_id": None}, "first_id: is None, expected 'int'"),
        ({"resolutoin": "PT5M"}, "key: is 'resolutoin', expected 'resolution'"),
        ({"name": "pv"}, "write {nn} in the name"),
        ({"first_id": 1999}, "ids: is '1999-2000'"),
        ({"unit": " "}, "unit: is ''"),
        ({"name": "x" * 120 + "{nn}"}, "at most 120 characters"),
        ({"asset": "PW_{nn}"}, "sensor 41 pv_01_power, asset: is 'PW_01'"),
    ],
)
def test__expand__names_the_mistake_of_a_sensor(change: dict[str, Any], message: str):
    assert message in mistakes(change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parent": "Sight"}, "asset 41 PV_01, parent: is 'Sight'"),
        ({"name": "Site", "count": 1}, "the name of 1 too"),
        ({"parent": "PV_02"}, "no circle"),
        ({"account": "Other"}, "account: is 'Other', expected 'that of Site'"),
        ({"flex_model": {"soc_max": "1 kWh"}}, "field: is 'soc_max', expected 'soc-max'"),
        ({"flex_context": {"soc-max": "1 kWh"}}, "field: is 'soc-max'"),
        ({"flex_model": {"production": {"sensor": "pv_1_power"}}}, "is 'pv_1_power', expected 'pv_01_power'"),
        ({"flex_model": {"production": {"sensor": 43}}}, "sensor: is 43"),
    ],
)
def test__expand__names_the_mistake_of_an_asset(change: dict[str, Any], message: str):
    assert message in mistakes(None, change)


def test__expand__names_what_is_missing():
    text = mistakes(sensors=[{"first_id": 41, "name": "x", "type": "PV"}])
    assert "sensor group x, unit: is 'missing'" in text
    assert text.count("is 'missing'") == 4


def test__expand__names_the_mistakes_of_retirement():
    text = mistakes(retired_sensors=[7, 41], retired_assets=[1, 42])
    assert "retired sensor 7: is 'not in the table'" in text
    # The asset that stays refers to the sensor that goes.
    assert "asset 41 PV_01, flex_model, sensor: is 'pv_01_power'" in text
    assert "asset 41 PV_01, parent: is 'Site', expected 'no retired asset'" in text
    assert "sensor 42 pv_02_power, asset: is 'PV_02', expected 'no retired asset'" in text


def test__expand__lists_every_mistake_of_the_table():
    rows = [SENSOR, {**SENSOR, "first_id": 42}, {**SENSOR, "sign": "plus"}, {**SENSOR, "type": "Wind"}]
    text = mistakes(sensors=rows)
    assert "the id of pv_02_power too" in text
    assert "the name of 41 too" in text
    assert "plus" in text
    assert "Wind" in text


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT0M", 0), ("PT15M", 900), ("PT1H", 3600), ("PT1H30M", 5400)]
)
def test__resolution_seconds__reads_minutes_and_hours(text: str, seconds: int):
    assert resolution_seconds(text) == seconds
