"""The module against a real PostgreSQL with FlexMeasures' tables: what is planned is what happens."""

import copy
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml

pytestmark = pytest.mark.container
ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "of this test's own cluster"
MARK = {"managed-by": "cariflex-sensor-map"}
SENSORS = "SELECT id, name, unit, event_resolution::text, attributes FROM sensor ORDER BY id"


def postgres_bin() -> Path:
    """PostgreSQL's server programs, which Debian keeps out of PATH."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if shutil.which("initdb"):
        found.append(Path(str(shutil.which("initdb"))))
    if not found:
        pytest.fail("no PostgreSQL server programs: apt-get install postgresql")
    return found[-1].parent


@pytest.fixture(scope="session")
def cluster() -> Iterator[int]:
    """Port of a cluster of our own. initdb refuses to run as root, so root hands over to postgres."""
    programs = postgres_bin()
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    # Not pytest's own directory: that one is closed to the user postgres.
    home = Path(tempfile.mkdtemp(prefix="cariflex-pg-"))
    try:
        (home / "password").write_text(PASSWORD, encoding="utf-8")
        if user:
            subprocess.run(["chown", "-R", "postgres:postgres", str(home)], check=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
        data, password = str(home / "data"), str(home / "password")
        initdb = [
            str(programs / "initdb"),
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
            "--pwfile",
            password,
        ]
        options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = [*user, str(programs / "pg_ctl"), "-D", data, "-w"]
        run = {
            "check": True,
            "cwd": home,
            "stdout": subprocess.DEVNULL,
            "env": {**os.environ, "LC_ALL": "C.UTF-8"},
        }
        subprocess.run([*user, *initdb], **run)
        subprocess.run([*control, "-l", str(home / "log"), "-o", options, "start"], **run)
        try:
            yield port
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **run)
    finally:
        shutil.rmtree(home)


class Database:
    """A fresh database with FlexMeasures' tables, and the module run on it."""

    def __init__(self, port: int) -> None:
        self.port = port
        table = yaml.safe_load(
            (ROOT / "inventories/dev/group_vars/all/sensors.yml").read_text(encoding="utf-8")
        )
        self.arguments = {
            "timezone": "America/Martinique",
            "types": table["cariflex_sensor_types"],
            "assets": table["cariflex_asset_groups"],
            "sensors": table["cariflex_sensor_groups"],
            "data_sources": [{"name": "OpenADR VTN", "email": "openadr@cariflex.internal"}],
            "login_host": "127.0.0.1",
            "login_port": port,
            "login_user": "postgres",
            "login_password": PASSWORD,
        }

    def sql(self, statement: str, database: str = "flexmeasures") -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user="postgres", password=PASSWORD, dbname=database
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def run(self, *, check: bool = False, **changes: Any) -> dict[str, Any]:
        """What Ansible gets back from the module, run by Ansible itself."""
        arguments = json.dumps({**self.arguments, **changes})
        command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-i", "localhost,", "-c", "local"]
        command += ["-e", f"ansible_python_interpreter={sys.executable}", "-m", "flexmeasures_sensors"]
        command += ["-a", arguments, "--diff", *(["--check"] if check else [])]
        env = {
            **os.environ,
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
            "ANSIBLE_LIBRARY": str(ROOT / "library"),
            "ANSIBLE_MODULE_UTILS": str(ROOT / "module_utils"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        }
        answer = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        try:
            # Other callbacks may print after the result.
            output, _ = json.JSONDecoder().raw_decode(answer.stdout)
            result: dict[str, Any] = output["plays"][0]["tasks"][0]["hosts"]["localhost"]
        except (ValueError, LookupError):
            pytest.fail(f"no result: {answer.stdout} {answer.stderr}")
        assert PASSWORD not in answer.stdout
        return result

    def rows(self, kind: str, first_id: int, **changes: Any) -> list[dict[str, Any]]:
        """The table of ``kind`` with one group changed."""
        groups = copy.deepcopy(self.arguments[kind])
        next(group for group in groups if group["first_id"] == first_id).update(changes)
        return groups

    def everything(self) -> list[list[tuple[Any, ...]]]:
        """All rows that the module could touch, and the sequences."""
        statements = (
            "SELECT t::text FROM generic_asset_type t ORDER BY id",
            "SELECT t::text FROM generic_asset t ORDER BY id",
            "SELECT t::text FROM sensor t ORDER BY id",
            "SELECT t::text FROM data_source t ORDER BY id",
            "SELECT sequencename::text, last_value FROM pg_sequences ORDER BY 1",
        )
        return [self.sql(statement) for statement in statements]


@pytest.fixture
def database(cluster: int) -> Iterator[Database]:
    fresh = Database(cluster)
    fresh.sql("CREATE DATABASE flexmeasures", "postgres")
    fresh.sql((Path(__file__).parent / "flexmeasures_schema.sql").read_text(encoding="utf-8"))
    yield fresh
    fresh.sql("DROP DATABASE flexmeasures", "postgres")


def test__create_repeat_check_and_diff(database: Database):
    untouched = database.everything()
    checked = database.run(check=True)
    assert checked["changed"]
    assert database.everything() == untouched

    created = database.run()
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
    database.sql(
        "INSERT INTO timed_belief SELECT now(), '0', 0.5, 1, s.id, 1 FROM sensor s WHERE id IN (84, 86)"
    )
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


def test__sequence__stays_clear_of_the_fixed_ids(database: Database):
    database.run()
    insert = (
        "INSERT INTO sensor (name, unit, timezone, event_resolution, knowledge_horizon_fnc,"
        " knowledge_horizon_par, generic_asset_id, attributes)"
        " SELECT 'api', 'kW', 'UTC', '0', 'ex_post', '{}', min(id), '{}' FROM generic_asset RETURNING id"
    )
    assert database.sql(insert) == [(2000,)]
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
    assert "127.0.0.1:1/flexmeasures: cannot connect" in refused["msg"]
