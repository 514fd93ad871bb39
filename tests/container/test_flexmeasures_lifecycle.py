"""What becomes of assets, sensors and their data over the years: renamed, moved, retired, restored."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.container.flexmeasures_database import MADE_THROUGH_THE_API, PASSWORD, Database, postgres_bin

pytestmark = pytest.mark.container


def test__rename__move_and_swap_keep_id_and_data(database: Database):
    database.run()
    database.believe(42, 84)
    assets = [
        {"first_id": 900, "name": "Roof", "type": "PV", "parent": "Cariflex"},
        *database.rows("assets", 84, name="prices"),
    ]
    # 84 and 85 swap their names; 42 gets another name and asset; 43 takes 42's old name.
    sensors = [
        *(row for row in database.rows("sensors", 84, name="production_price") if row["first_id"] != 41),
        {**database.rows("sensors", 41)[0], "count": 1, "name": "pv_01_power", "asset": "PV_01"},
        {**database.rows("sensors", 41)[0], "first_id": 42, "count": 1, "name": "roof", "asset": "Roof"},
    ]
    swap = next(row for row in sensors if row["first_id"] == 85)
    swap["name"] = "consumption_price"
    for row in sensors:
        row["asset"] = "prices" if row["asset"] == "market" else row["asset"]
    table = {"assets": assets, "sensors": sensors}
    refused = database.run(**table)
    assert "sensor 84 production_price, which holds data, name: is 'consumption_price'" in refused["msg"]

    settled = database.everything()
    checked = database.run(**table, allow_data_change=True, check=True)
    assert database.everything() == settled
    changed = database.run(**table, allow_data_change=True)
    assert changed["diff"] == checked["diff"]
    assert changed["diff"]["before"]["sensor 42"] == {"name": "pv_02_power", "asset_id": 42}
    assert changed["diff"]["after"]["sensor 42"] == {"name": "roof", "asset_id": 900}
    assert changed["diff"]["after"]["asset 84"] == {"name": "prices"}
    assert database.sql(
        "SELECT s.id, s.name, a.name FROM sensor s JOIN generic_asset a ON a.id = s.generic_asset_id"
        " WHERE s.id IN (42, 84, 85) ORDER BY s.id"
    ) == [(42, "roof", "Roof"), (84, "production_price", "prices"), (85, "consumption_price", "prices")]
    assert database.sql("SELECT sensor_id FROM timed_belief ORDER BY 1") == [(42,), (84,)]
    assert not database.run(**table)["changed"]


def test__retired__goes_without_data_and_stays_with_it(database: Database):
    database.run()
    database.believe(60)
    retired = {"retired_sensors": [60, 1010, 1030], "retired_assets": [60]}
    settled = database.everything()
    checked = database.run(**retired, check=True)
    assert database.everything() == settled
    gone = database.run(**retired)
    assert gone["diff"] == checked["diff"]
    assert [(action["action"], action["name"]) for action in gone["actions"]] == [
        ("delete", "1010"),
        ("delete", "1030"),
    ]
    assert gone["diff"]["before"]["sensor 1010"]["name"] == "bat_10_actual_power"
    assert (gone["retained_sensors"], gone["retained_assets"]) == ([60], [60])
    assert not database.run(**retired)["changed"]

    forced = database.run(**retired, delete_data=True)
    assert [(action["kind"], action["name"]) for action in forced["actions"]] == [
        ("sensor", "60"),
        ("asset", "60"),
    ]
    assert database.sql("SELECT count(*) FROM timed_belief") == [(0,)]
    assert database.sql("SELECT count(*) FROM generic_asset WHERE id = 60") == [(0,)]
    assert not database.run(**retired, delete_data=True)["changed"]


def test__earlier_deployment__assets_get_their_ids_with_all_that_hangs_on_them(database: Database):
    """As this role made them before: no ids, no tree, no mark. One holds an id that another shall have."""
    database.sql(
        "INSERT INTO generic_asset (id, name, generic_asset_type_id, account_id, attributes)"
        " VALUES (1, 'Bat_01', 2, 2, '{}'), (2, 'market', 1, 2, '{}'), (3, 'extra', 1, 2, '{}')"
    )
    database.sql(
        "INSERT INTO sensor SELECT v.id, v.name, 'EUR/MWh', 'UTC', '1 h', 'ex_post', '{}', v.asset, '{}' FROM"
        " (VALUES (51, 'bat_01_power', 1), (84, 'consumption_price', 2), (2000, 'theirs', 2))"
        " AS v(id, name, asset)"
    )
    database.sql("UPDATE generic_asset SET parent_asset_id = 2 WHERE id = 3")
    database.sql(
        "INSERT INTO asset_audit_log (event_datetime, event, affected_asset_id) VALUES (now(), 'made', 2)"
    )
    database.believe(84)
    changed = database.run()
    assert {"action": "update", "kind": "asset_id", "name": "market"} in changed["actions"]
    assert database.sql("SELECT id, generic_asset_id FROM sensor WHERE id IN (51, 84, 2000) ORDER BY id") == [
        (51, 51),
        (84, 84),
        (2000, 84),
    ]
    assert database.sql(
        "SELECT name, parent_asset_id FROM generic_asset WHERE id IN (1, 2, 3) ORDER BY id"
    ) == [
        ("Cariflex", None),
        ("extra", 84),
    ]
    assert database.sql("SELECT affected_asset_id FROM asset_audit_log") == [(84,)]
    assert not database.run()["changed"]


def test__accounts_and_sources__are_made(database: Database):
    assets = [
        *database.arguments["assets"],
        {"first_id": 900, "name": "North", "type": "Site", "account": "North"},
    ]
    table = {"assets": assets, "data_sources": [{"name": "Clear sky", "type": "model"}]}
    assert "account North: is 'missing'" in database.run(**table)["msg"]
    made = database.run(**table, accounts=["North"])
    assert {"action": "create", "kind": "account", "name": "North"} in made["actions"]
    assert database.sql(
        "SELECT c.name FROM account c JOIN generic_asset a ON a.account_id = c.id WHERE a.id = 900"
    ) == [("North",)]
    assert database.sql("SELECT name, type, user_id FROM data_source") == [("Clear sky", "model", None)]
    assert not database.run(**table, accounts=["North"])["changed"]


def test__restore__keeps_clear_of_the_fixed_ids(database: Database, tmp_path: Path):
    database.run()
    database.believe(84)
    database.sql("CREATE DATABASE restored", "postgres")
    try:
        login = {**os.environ, "PGPASSWORD": PASSWORD, "PGHOST": "127.0.0.1", "PGUSER": "postgres"}
        login["PGPORT"] = str(database.port)
        dump = str(tmp_path / "dump")
        programs = postgres_bin()
        for command in (
            [str(programs / "pg_dump"), "-Fc", "-f", dump, "flexmeasures"],
            [str(programs / "pg_restore"), "-d", "restored", dump],
        ):
            subprocess.run(command, env=login, check=True)
        assert not database.run(login_db="restored")["changed"]
        assert database.sql(MADE_THROUGH_THE_API, "restored") == [(2000,)]
    finally:
        database.sql("DROP DATABASE restored", "postgres")
