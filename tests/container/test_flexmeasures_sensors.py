"""The module against a real PostgreSQL with FlexMeasures' tables: what is planned is what happens."""

import pytest
from tests.container.flexmeasures_database import MADE_THROUGH_THE_API, MARK, SENSORS, Database

pytestmark = pytest.mark.container


def test__create_repeat_check_and_diff(database: Database):
    untouched = database.everything()
    checked = database.run_by_ansible(check=True)
    assert checked["changed"]
    assert database.everything() == untouched

    created = database.run_by_ansible()
    assert created["changed"]
    assert created["actions"] == checked["actions"]
    assert created["diff"] == checked["diff"]
    rows = {row[0]: row[1:] for row in database.sql(SENSORS)}
    assert len(rows) == 77
    assert rows[41] == ("pv_01_power", "kW", "00:05:00", {**MARK, "consumption_is_positive": False})
    assert rows[51] == ("bat_01_power", "kWh", "00:00:00", MARK)
    assert rows[81] == ("irradiance", "W/m²", "01:00:00", MARK)
    assert rows[1040] == ("ev_10_schedule", "kW", "00:15:00", {**MARK, "consumption_is_positive": True})
    assert database.sql(
        "SELECT name, parent_asset_id, flex_context FROM generic_asset WHERE id IN (1, 51) ORDER BY id"
    ) == [
        (
            "Cariflex",
            None,
            {
                "site-power-capacity": "500 kW",
                "consumption-price": {"sensor": 84},
                "production-price": {"sensor": 85},
            },
        ),
        ("Bat_01", 1, {}),
    ]
    (flex_model,) = database.sql("SELECT flex_model FROM generic_asset WHERE id = 51")[0]
    assert flex_model["consumption"] == {"sensor": 1021}
    assert flex_model["soc-max"] == "200 kWh"
    horizons = database.sql(
        "SELECT DISTINCT knowledge_horizon_fnc, knowledge_horizon_par::text::jsonb FROM sensor"
    )
    assert horizons == [("ex_post", {"ex_post_horizon": "P0D"})]
    assert database.sql("SELECT description FROM generic_asset_type WHERE name = 'solar'") == [
        ("solar panel(s)",)
    ]
    assert database.sql("SELECT name, type, user_id, account_id FROM data_source") == [
        ("OpenADR VTN", "user", 1, 2)
    ]

    settled = database.everything()
    repeated = database.run()
    assert not repeated["changed"]
    assert repeated["actions"] == []
    assert repeated["diff"] == {"before": {}, "after": {}}
    assert not database.run(check=True)["changed"]
    assert database.everything() == settled


def test__update__changes_and_shows_only_what_differs(database: Database):
    database.run()
    database.sql(
        """UPDATE sensor SET attributes = '{"theirs": 1, "consumption_is_positive": true}' WHERE id = 41"""
    )
    database.sql("UPDATE sensor SET timezone = 'Asia/Seoul' WHERE id = 84")
    changed = database.run(sensors=database.rows("sensors", 85, unit="EUR/kWh"))
    assert [action["name"] for action in changed["actions"]] == ["41", "84", "85"]
    assert changed["diff"]["before"]["sensor 84"] == {"timezone": "Asia/Seoul"}
    assert changed["diff"]["after"]["sensor 85"] == {"unit": "EUR/kWh"}
    expected = [({**MARK, "theirs": 1, "consumption_is_positive": False},)]
    assert database.sql("SELECT attributes FROM sensor WHERE id = 41") == expected
    assert not database.run(sensors=database.rows("sensors", 85, unit="EUR/kWh"))["changed"]


def test__data__refuses_other_units_and_resolutions_unless_told(database: Database):
    database.run()
    database.believe(84, 86)
    settled = database.everything()
    rows = database.rows("sensors", 84, unit="EUR/kWh", resolution="PT15M")
    refused = database.run(sensors=rows)
    assert refused["failed"]
    for text in (
        "sensor 84 consumption_price",
        "'EUR/MWh', expected 'EUR/kWh'",
        "3600, expected 900",
        "Fix: ",
    ):
        assert text in refused["msg"]
    assert database.everything() == settled
    assert database.run(sensors=rows, allow_data_change=True)["changed"]
    assert database.sql("SELECT unit FROM sensor WHERE id = 84") == [("EUR/kWh",)]


def test__collisions__are_all_listed(database: Database):
    database.sql(
        "INSERT INTO generic_asset (id, name, generic_asset_type_id, account_id, attributes)"
        " VALUES (2001, 'theirs', 1, 1, '{}'), (2002, 'market', 1, 2, '{}'), (51, 'theirs too', 1, 1, '{}')"
    )
    database.sql(
        "INSERT INTO sensor SELECT v.id, v.name, 'kW', 'UTC', '0', 'ex_post', '{}', v.asset, '{}'"
        " FROM (VALUES (41, 'x', 2001), (2001, 'consumption_price', 2002)) AS v(id, name, asset)"
    )
    settled = database.everything()
    refused = database.run(data_sources=[{"name": "Nobody", "email": "nobody@cariflex.internal"}])
    for text in (
        "sensor id 41",
        "x of asset 2001 theirs (account Other)",
        "asset id 51: is 'theirs too (account Other)'",
        "asset name market: is 'asset 2002'",
        "nobody@cariflex.internal",
    ):
        assert text in refused["msg"]
    assert database.everything() == settled


def test__make_room__assets_of_others_keep_their_sensors_and_children(database: Database):
    database.sql(
        "INSERT INTO generic_asset (id, name, generic_asset_type_id, account_id, parent_asset_id, attributes)"
        " VALUES (1, 'theirs', 1, 1, NULL, '{}'), (7, 'below', 1, 1, 1, '{}')"
    )
    database.sql("INSERT INTO sensor VALUES (5000, 'theirs', 'kW', 'UTC', '0', 'ex_post', '{}', 1, '{}')")
    assert database.run()["failed"]

    assert database.run(make_room=True)["changed"]

    assert database.sql("SELECT id, parent_asset_id FROM generic_asset WHERE account_id = 1 ORDER BY id") == [
        (7, 2000),
        (2000, None),
    ]
    assert database.sql("SELECT generic_asset_id FROM sensor WHERE id = 5000") == [(2000,)]
    assert database.sql("SELECT name FROM generic_asset WHERE id = 1") == [("Cariflex",)]
    assert not database.run()["changed"]


def test__sequence__stays_clear_of_the_fixed_ids(database: Database):
    database.run()
    assert database.sql(MADE_THROUGH_THE_API) == [(2000,)]
    assert not database.run()["changed"]
    # As after a restore of rows without their sequences.
    database.sql("SELECT setval('sensor_id_seq', 1), setval('generic_asset_id_seq', 1)")
    moved = database.run()
    assert [action["name"] for action in moved["actions"]] == ["generic_asset_id_seq", "sensor_id_seq"]
    assert database.sql("SELECT nextval('sensor_id_seq')") == [(2001,)]


def test__failure__rolls_everything_back(database: Database):
    database.sql("ALTER TABLE sensor ADD CONSTRAINT no_weather CHECK (name <> 'wind_speed')")
    untouched = database.everything()
    failed = database.run()
    assert failed["failed"]
    assert "no_weather" in failed["msg"]
    assert "nothing was changed" in failed["msg"]
    # Sequences are not transactional: ids that a rolled-back insert took are simply left out.
    assert database.everything()[:-1] == untouched[:-1]
    database.sql("ALTER TABLE sensor DROP CONSTRAINT no_weather")
    assert database.run()["changed"]


def test__rendered__needs_no_database(database: Database):
    result = database.run(state="rendered", login_port=1)
    assert not result["changed"]
    assert result["sensor_map"]["sensors"][0]["name"] == "pv_01_power"


def test__connection__is_named_when_refused(database: Database):
    refused = database.run(login_port=1)
    assert refused["failed"]
    assert "127.0.0.1:1/flexmeasures: cannot connect" in refused["msg"]


def test__check__of_a_host_without_a_database_predicts_the_first_run(database: Database):
    checked = database.run(login_port=1, check=True)
    assert "cannot connect" in str(checked["warnings"])
    created = [
        (action["kind"], action["name"]) for action in checked["actions"] if action["action"] == "create"
    ]
    made = [
        (action["kind"], action["name"])
        for action in database.run()["actions"]
        if action["action"] == "create"
    ]
    assert set(made) <= set(created)
    assert {action for action in created if action[0] != "asset_type"} == {
        action for action in made if action[0] != "asset_type"
    }
