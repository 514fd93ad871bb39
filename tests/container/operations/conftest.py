"""A small stack of this test's own: PostgreSQL with FlexMeasures' tables, Redis, and the backup program."""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "files/backup"
WAIT_S = 60
IMAGES_PLAYBOOK = """
- name: Have the images
  hosts: localhost
  gather_facts: false
  roles: [images]
  tasks:
    - name: Show the answer
      ansible.builtin.debug:
        msg: "{{ cariflex_images }}"
"""


def output(*words: str, feed: str | None = None) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True, input=feed)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def await_condition(holds: Any, what: str, wait_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + wait_s
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {wait_s} s: {what}")
        time.sleep(0.05)


@pytest.fixture
def wait_until() -> Any:
    """Wait until a condition holds; fail when it does not within a minute."""
    return await_condition


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """References of the images that role images builds, built now when they are missing."""
    return built_images(tmp_path_factory.mktemp("images"))


def built_images(folder: Path) -> dict[str, str]:
    """Have role images build PostgreSQL and Redis when they are missing; return their references."""
    (folder / "images.yml").write_text(IMAGES_PLAYBOOK, encoding="utf-8")
    settings = {
        "images_source": "build",
        "images_wanted": ["postgres", "redis"],
        "images_build_dir": str(folder / "build"),
        "images_architecture": "x86_64",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local"]
    command += ["-e", json.dumps(settings), str(folder / "images.yml")]
    env = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found, _ = json.JSONDecoder().raw_decode(done.stdout[done.stdout.index("{\n") :])
    answer = found["plays"][0]["tasks"][-1]["hosts"]["localhost"]["msg"]
    return {name: image["ref"] for name, image in answer.items()}


DATA = """
CREATE TABLE IF NOT EXISTS alembic_version (version_num varchar(32) PRIMARY KEY);
DELETE FROM alembic_version;
INSERT INTO alembic_version VALUES ('3bc1e29ca1f4');
INSERT INTO account (id, name) VALUES (1, 'Cariflex') ON CONFLICT DO NOTHING;
INSERT INTO generic_asset_type (id, name) VALUES (90, 'solar-test');
INSERT INTO generic_asset (id, name, generic_asset_type_id, account_id, attributes)
  VALUES (90, 'PV_01', 90, 1, '{}');
INSERT INTO sensor (id, name, unit, timezone, event_resolution, knowledge_horizon_fnc,
  knowledge_horizon_par, generic_asset_id, attributes)
  VALUES (41, 'pv_01_power', 'kW', 'UTC', 'PT5M', 'ex_post', '{}', 90, '{}');
INSERT INTO data_source (id, name, type) VALUES (1, 'Production Simulator', 'user');
"""


class Stack:
    """The running containers, the program's settings, and ways to ask them."""

    def __init__(self, folder: Path, images: dict[str, str]) -> None:
        self.folder = folder
        self.backups = folder / "backups"
        self.metrics = folder / "metrics/backup.prom"
        name = f"cariflex-test-ops-{uuid.uuid4().hex[:8]}"
        # Not the value 1, whose bearers the molecule tests remove.
        self.label = f"fr.cariflex.test={name}"
        self.database, self.redis, self.volume = f"{name}-db", f"{name}-redis", f"{name}-redis-data"
        self.ven_volume = f"{name}-ven-data"
        self._images = images
        config = folder / "config"
        self.settings: dict[str, Any] = {
            "environment": "dev",
            "release": "2026.11",
            "directory": str(self.backups),
            "metrics_file": str(self.metrics),
            "secrets_directory": str(folder / "secrets"),
            "release_file": str(folder / "release.json"),
            "sensor_map": str(folder / "sensor_map.json"),
            "database_container": self.database,
            "database_user": "postgres",
            "databases": ["flexmeasures"],
            "redis_container": self.redis,
            "flexmeasures_container": f"{name}-server",
            "redis_volume": self.volume,
            "redis_password_file": "/run/secrets/redis_password",
            "label": self.label,
            "networks": [],
            "files": [
                {"name": "config", "path": str(config), "secret": False, "restore": True},
                {"name": "keys", "path": str(folder / "keys"), "secret": True, "restore": True},
                {"name": "acme", "path": str(folder / "none"), "secret": True, "restore": True},
            ],
            "volumes": [{"name": self.ven_volume, "kind": "sqlite", "secret": False}],
            "vault_keys": ["vault_redis"],
            "age_recipient": "",
            "age_identity_file": "",
            "rclone_remote": "",
            "rclone_config": "",
            "daily_days": 30,
            "weekly_weeks": 12,
            "schema_revision": "3bc1e29ca1f4",
            "newest_belief_s": 900,
            "belief_retention": [],
        }

    def write_files(self) -> None:
        for path, content in {
            "config/app.cfg": "level = 3\n",
            "config/leak.cfg": "password = the-secret-of-redis-1\n",
            "keys/ca.key": "a private thing\n",
            "secrets/redis_password": "the-secret-of-redis-1",
            "secrets/redis.conf": "dir /data\nappendonly yes\nrequirepass the-secret-of-redis-1\n",
            "secrets/postgres": "the-secret-of-postgres",
        }.items():
            (self.folder / path).parent.mkdir(exist_ok=True, parents=True)
            (self.folder / path).write_text(content)
            (self.folder / path).chmod(0o644)

    def start(self) -> None:
        common = ["docker", "run", "--detach", "--label", self.label]
        common += ["--network=none", f"--volume={self.folder}/secrets:/run/secrets:ro"]
        for volume in (self.volume, self.ven_volume):
            output("docker", "volume", "create", "--label", self.label, volume)
        database = ["--env=POSTGRES_PASSWORD_FILE=/run/secrets/postgres", "--tmpfs=/run/postgresql:uid=999"]
        output(*common, "--name", self.database, *database, self._images["postgres"])
        redis = ["--user=999:1000", f"--volume={self.volume}:/data", self._images["redis"]]
        output(*common, "--name", self.redis, *redis, "redis-server", "/run/secrets/redis.conf")
        # The entrypoint's own first server goes away again: wait for the line of the second.
        await_condition(lambda: self.log().count("ready to accept connections") >= 2, "PostgreSQL starts")
        self.await_answers()

    def await_answers(self) -> None:
        probe = ["docker", "exec", self.database, "psql", "-U", "postgres", "-c", "SELECT 1"]
        ask = subprocess.run
        await_condition(lambda: not ask(probe, capture_output=True, check=False).returncode, "SQL answers")
        await_condition(lambda: "PONG" in self.redis_cli("ping"), "Redis answers")

    def log(self) -> str:
        done = subprocess.run(["docker", "logs", self.database], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def remove(self) -> None:
        output("docker", "rm", "--force", "--volumes", self.database, self.redis)
        output("docker", "volume", "rm", "--force", self.volume, self.ven_volume)

    def sql(self, statement: str, database: str = "flexmeasures", **variables: Any) -> str:
        words = ["docker", "exec", "-i", self.database, "psql", "-X", "-qtA", "-v", "ON_ERROR_STOP=1"]
        words += [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
        # The engine may lose the end of an exec's input: psql is told to end.
        return output(*words, "-U", "postgres", "-d", database, feed=f"{statement}\n;\n\\q\n")

    def redis_cli(self, *words: str) -> str:
        command = [
            "docker",
            "exec",
            "--env=REDISCLI_AUTH=the-secret-of-redis-1",
            self.redis,
            "redis-cli",
            *words,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def image_refs(self) -> set[str]:
        return {self._images["postgres"], self._images["redis"]}

    def volume_path(self) -> Path:
        return Path(output("docker", "volume", "inspect", "--format", "{{.Mountpoint}}", self.ven_volume))

    def command(self, *words: str, **changes: Any) -> list[str]:
        """The program as role backup installs it: on the system's own Python."""
        path = self.folder / "settings.json"
        path.write_text(json.dumps({**self.settings, **changes}), encoding="utf-8")
        python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
        isolated = [
            "env",
            f"PYTHONPATH={PROGRAM}",
            "PYTHONDONTWRITEBYTECODE=1",
            python,
            "-m",
            "cariflex_backup",
        ]
        return [*isolated, "--settings", str(path), *words]

    def run(self, *words: str, **changes: Any) -> subprocess.CompletedProcess[str]:
        command = self.command(*words, **changes)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)

    def backup(self, **changes: Any) -> Path:
        """Make a backup that must succeed; give the new archive."""
        before = set(self.archives())
        done = self.run("backup", **changes)
        assert done.returncode == 0, done.stderr
        [new] = set(self.archives()) - before
        return new

    def archives(self) -> list[Path]:
        """Everything in the backup directory but the lock."""
        found = self.backups.iterdir() if self.backups.is_dir() else ()
        return sorted(path for path in found if path.name != ".lock")

    def add_beliefs(self, count: int) -> None:
        """`count` beliefs of sensor 41 in one transaction, after those there are."""
        self.sql(
            """INSERT INTO timed_belief
            SELECT now() + n * interval '1 s', interval '0', 0.5, random(), 41, 1
            FROM (SELECT count(*) AS base FROM timed_belief), generate_series(base + 1, base + :count) n""",
            count=count,
        )

    def reset(self) -> None:
        """FlexMeasures' tables, sensor 41, a Redis key and the files, as if nothing had happened before."""
        if not output("docker", "ps", "--quiet", "--filter", f"name={self.database}"):
            output("docker", "start", self.database)
        if not output("docker", "ps", "--quiet", "--filter", f"name={self.redis}"):
            output("docker", "start", self.redis)
        self.await_answers()
        leftovers = "SELECT format('DROP DATABASE %I WITH (FORCE);', datname) FROM pg_database "
        leftovers += "WHERE datname LIKE 'flexmeasures%' AND datname <> 'flexmeasures_template'"
        self.sql(self.sql(leftovers, "postgres"), "postgres")
        self.sql("CREATE DATABASE flexmeasures OWNER flexmeasures TEMPLATE flexmeasures_template", "postgres")
        self.redis_cli("flushall")
        self.redis_cli("set", "rq:job:1", "a job")
        for path in self.volume_path().iterdir():
            path.unlink()
        shutil.rmtree(self.folder / "backups", ignore_errors=True)
        shutil.rmtree(self.folder / "metrics", ignore_errors=True)
        shutil.rmtree(self.folder / "releases", ignore_errors=True)
        (self.folder / "release.json").unlink(missing_ok=True)
        self.write_files()

    def prepare(self) -> None:
        """The template that each test's database is made from."""
        roles = "CREATE ROLE flexmeasures LOGIN; CREATE ROLE dashboards LOGIN;"
        self.sql(roles, "postgres")
        self.sql("CREATE DATABASE flexmeasures_template", "postgres")
        schema = (ROOT / "tests/container/flexmeasures_schema.sql").read_text(encoding="utf-8")
        self.sql(schema + DATA, "flexmeasures_template")


@pytest.fixture(scope="session")
def _running_stack(tmp_path_factory: pytest.TempPathFactory, images: dict[str, str]) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("stack"), images)
    running.write_files()
    try:
        running.start()
        running.prepare()
        yield running
    finally:
        running.remove()


@pytest.fixture
def stack(_running_stack: Stack) -> Stack:
    """The stack, with nothing left of the test before."""
    _running_stack.reset()
    return _running_stack
