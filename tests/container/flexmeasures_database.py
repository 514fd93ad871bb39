"""A real PostgreSQL with FlexMeasures' own schema, and the module flexmeasures_sensors run on it."""

import contextlib
import copy
import io
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

import flexmeasures_sensors
import psycopg2
import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "of this test's own cluster"
MARK = {"managed-by": "cariflex-sensor-map"}
# A database as the flexmeasures role leaves it.
SEED = """
INSERT INTO account (name) VALUES ('Other'), ('Cariflex');
INSERT INTO fm_user (email, username, account_id, password, fs_uniquifier, active)
VALUES ('openadr@cariflex.internal', 'OpenADR VTN', 2, 'x', 'x', true);
INSERT INTO generic_asset_type (name, description) VALUES ('solar', 'solar panel(s)'), ('battery', NULL);
"""
SENSORS = "SELECT id, name, unit, event_resolution::text, attributes FROM sensor ORDER BY id"


BELIEF = """
INSERT INTO timed_belief
SELECT now(), '0', 0.5, 1, %s, id FROM data_source WHERE name = 'x'"""
# As FlexMeasures' API does: the id comes from the sequence.
MADE_THROUGH_THE_API = (
    "INSERT INTO sensor (name, unit, timezone, event_resolution, knowledge_horizon_fnc,"
    " knowledge_horizon_par, generic_asset_id, attributes)"
    " SELECT 'api', 'kW', 'UTC', '0', 'ex_post', '{}', min(id), '{}' FROM generic_asset RETURNING id"
)


def postgres_bin() -> Path:
    """PostgreSQL's server programs, which Debian keeps out of PATH."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found and shutil.which("initdb"):
        found.append(Path(str(shutil.which("initdb"))))
    if not found:
        pytest.fail("no PostgreSQL server programs: apt-get install postgresql")
    return found[-1].parent


@contextlib.contextmanager
def running_cluster() -> Iterator[int]:
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


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[int]:
    """Port of the cluster that all tests share."""
    with running_cluster() as port:
        yield port


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

    def create(self) -> None:
        """Make the database as the flexmeasures role leaves it."""
        self.sql("CREATE DATABASE flexmeasures", "postgres")
        self.sql((Path(__file__).parent / "flexmeasures_schema.sql").read_text(encoding="utf-8"))
        self.sql(SEED)

    def drop(self) -> None:
        """Remove it."""
        self.sql("DROP DATABASE flexmeasures", "postgres")

    def sql(
        self, statement: str, database: str = "flexmeasures", parameters: list[Any] | None = None
    ) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user="postgres", password=PASSWORD, dbname=database
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def run(self, *, check: bool = False, **changes: Any) -> dict[str, Any]:
        """What the module answers, run in this process."""
        arguments = {**self.arguments, **changes, "_ansible_check_mode": check, "_ansible_diff": True}
        output = io.StringIO()
        with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            flexmeasures_sensors.main()
        assert PASSWORD not in output.getvalue()
        result: dict[str, Any] = json.loads(output.getvalue())
        return result

    def run_by_ansible(self, *, check: bool = False) -> dict[str, Any]:
        """What Ansible gets back from the module, run by Ansible itself."""
        command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-i", "localhost,", "-c", "local"]
        command += ["-e", f"ansible_python_interpreter={sys.executable}", "-m", "flexmeasures_sensors"]
        command += ["-a", json.dumps(self.arguments), "--diff", *(["--check"] if check else [])]
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

    def believe(self, *sensor_ids: int) -> None:
        """Store a value for each of the sensors."""
        self.sql("INSERT INTO data_source (name, type) VALUES ('x', 'script')")
        for sensor_id in sensor_ids:
            self.sql(BELIEF, parameters=[sensor_id])

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
def database(postgres_cluster: int) -> Iterator[Database]:
    fresh = Database(postgres_cluster)
    fresh.create()
    yield fresh
    fresh.drop()
