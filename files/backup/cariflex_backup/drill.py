"""The restore drill: an archive brought to life in a scratch stack without a way in or out."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cariflex_backup import archive as archives
from cariflex_backup.engine import Engine, Postgres, run
from cariflex_backup.errors import BackupError
from cariflex_backup.manifest import Manifest
from cariflex_backup.restore import age_s, load
from cariflex_backup.settings import Settings
from cariflex_backup.store import store_of

_NAME = "cariflex-restore-drill"
_LABEL = "fr.cariflex.drill=1"
# How old the newest belief was when the archive was taken. A belief's time is event start minus horizon for
# instantaneous sensors, later for others: the resolution is added.
_NEWEST = """
SELECT extract(epoch FROM :'taken'::timestamptz - max(b.event_start + s.event_resolution - b.belief_horizon))
FROM timed_belief b JOIN sensor s ON s.id = b.sensor_id
"""
_READY_S = 240
_SECRETS = (
    "postgres",
    "flexmeasures_db",
    "redis",
    "flexmeasures_secret_key",
    "flexmeasures_totp",
    "drill_user",
)
# Passwords of a scratch database that only the drill's closed network reaches.
_ROLE = "CREATE ROLE :\"role\" LOGIN PASSWORD :'password'"
# Gives the scratch copy's first user a password of this drill, then logs in over HTTP as a person would.
_LOGIN = """
import json, sys, urllib.request
from flask_security.utils import hash_password
from flexmeasures.app import create
from flexmeasures.data import db
from flexmeasures.data.models.user import User
from sqlalchemy import select
password = open("/run/secrets/drill_user").read()
app = create()
with app.app_context():
    user = db.session.execute(select(User).where(User.active).order_by(User.id)).scalars().first()
    user.password = hash_password(password)
    email = user.email
    db.session.commit()
body = json.dumps({"email": email, "password": password}).encode()
def ask(path, **words):
    request = urllib.request.Request("http://localhost:5000/api/" + path, **words)
    return json.load(urllib.request.urlopen(request, timeout=60))
token = ask("requestAuthToken", data=body, headers={"Content-Type": "application/json"})["auth_token"]
print("sensors seen:", len(ask("v3_0/sensors", headers={"Authorization": token})))
"""


def run_drill(
    settings: Settings, path: Path, identity: bytes, say: Callable[[str], None]
) -> dict[str, float]:
    """Restore `path` into a scratch stack and ask it; return the measured metrics, RPO and RTO in seconds."""
    started = time.monotonic()
    with store_of(settings).exclusive() as staging:
        content = staging / "content"
        manifest = archives.verify(path, identity, extract_to=content)
        rpo_s = age_s(manifest)
        with scratch(settings, manifest, content, staging / "secrets") as (database, server):
            postgres = Postgres(database, settings.database_user)
            for dumped in manifest.databases:
                load(postgres, dumped, content / f"databases/{dumped.name}.dump", dumped.name)
                say(f"ok: database {dumped.name}: {len(dumped.rows)} tables have the manifest's rows")
            _assert_contents(postgres, settings, manifest, say)
            if server:
                _assert_login(server, say)
    rto_s = time.monotonic() - started
    say(f"measured: RPO {rpo_s:.0f} s (age of the archive), RTO {rto_s:.0f} s (archive to answering stack)")
    return {
        "cariflex_restore_drill_last_success_timestamp_seconds": time.time(),
        "cariflex_restore_drill_rpo_seconds": rpo_s,
        "cariflex_restore_drill_rto_seconds": rto_s,
    }


def _assert_contents(
    postgres: Postgres, settings: Settings, manifest: Manifest, say: Callable[[str], None]
) -> None:
    revision = postgres.revision("flexmeasures")
    if revision != settings.schema_revision:
        raise BackupError(
            f"drill: schema revision {revision}, expected {settings.schema_revision}; "
            "back up again after the upgrade"
        )
    say(f"ok: schema revision {revision}")
    wanted = {sensor["id"] for sensor in json.loads(settings.sensor_map.read_bytes())["sensors"]}
    missing = sorted(wanted - set(map(int, postgres.ask("flexmeasures", "SELECT id FROM sensor").split())))
    if missing:
        raise BackupError(
            f"drill: sensors {missing} are not in the archive, expected all fixed ids; make deploy"
        )
    say(f"ok: all {len(wanted)} fixed sensor ids")
    newest = postgres.ask("flexmeasures", _NEWEST, taken=manifest.taken)
    limit_s = settings.newest_belief_s
    if not newest or float(newest) > limit_s:
        raise BackupError(
            f"drill: newest belief {newest or 'none,'} s old when the archive was taken, expected "
            f"at most {limit_s:.0f}; data had stopped flowing before the backup: make doctor"
        )
    say(f"ok: newest belief {float(newest):.0f} s before the archive")


def _assert_login(server: str, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _READY_S
    probe = "import urllib.request as r; r.urlopen('http://localhost:5000/api/v3_0/health/ready', timeout=15)"
    while True:
        try:
            run(["docker", "exec", server, "python3", "-c", probe])
            break
        except BackupError as error:
            if time.monotonic() > deadline or not Engine().is_running(server):
                log = run(["docker", "logs", "--tail", "5", server])
                raise BackupError(
                    f"drill: FlexMeasures did not become ready: {error}; its log ends: {log}"
                ) from error
            time.sleep(2)
    say("ok: login and API, " + run(["docker", "exec", server, "python3", "-c", _LOGIN]).split("\n")[-1])


@contextmanager
def scratch(settings: Settings, manifest: Manifest, content: Path, folder: Path) -> Iterator[tuple[str, str]]:
    """Run PostgreSQL, Redis and FlexMeasures as the archive describes them, on a closed network.

    Yields the names of the database's and the server's containers; '' for a server that the archive lacks.
    """
    described = {
        str(container["Name"]).strip("/"): container["Config"]
        for container in json.loads((content / "state/containers.json").read_bytes())
    }
    folder.mkdir(mode=0o755)
    values = {name: secrets.token_urlsafe(24) for name in _SECRETS}
    for name, value in values.items():
        (folder / name).write_text(value, encoding="ascii")
        (folder / name).chmod(0o444)
    _remove()
    try:
        run(["docker", "network", "create", "--internal", "--label", _LABEL, _NAME])
        image = described[settings.database_container]["Image"]
        options = ["--env=POSTGRES_PASSWORD_FILE=/run/secrets/postgres", "--tmpfs=/run/postgresql:uid=999"]
        database = _start(folder, "flexmeasures-db", [*options, image])
        postgres = Postgres(database, settings.database_user)
        _await_database(postgres, database)
        for role in manifest.roles:
            postgres.ask("postgres", _ROLE, role=role, password=values["flexmeasures_db"])
        server = described.get(settings.flexmeasures_container)
        if server:
            # A file, as a password has no place in arguments; nothing is kept.
            text = f'requirepass {values["redis"]}\nsave ""\n'
            (folder / "redis.conf").write_text(text, encoding="ascii")
            image = described[settings.redis_container]["Image"]
            _start(folder, "flexmeasures-redis", [image, "redis-server", "/run/secrets/redis.conf"])
        yield database, _start_server(folder, content, server) if server else ""
    finally:
        _remove()


def _start_server(folder: Path, content: Path, described: dict[str, Any]) -> str:
    """Start FlexMeasures with the archive's own configuration."""
    config = content / "files/flexmeasures"
    for path in (content, config.parent, config, *config.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o444)
    return _start(
        folder,
        "flexmeasures-server",
        [
            *(f"--env={variable}" for variable in described["Env"]),
            f"--mount=type=bind,src={config},dst=/etc/flexmeasures,readonly",
            f"--user={described['User']}",
            "--workdir=/dev/shm",
            described["Image"],
            *described["Cmd"],
        ],
    )


def _start(folder: Path, alias: str, words: list[str]) -> str:
    """Start a container of the scratch stack that others know as `alias`; return its own name."""
    name = f"{_NAME}-{alias}"
    options = ["--detach", "--label", _LABEL, "--name", name, "--network", _NAME, "--network-alias", alias]
    mount = f"--mount=type=bind,src={folder},dst=/run/secrets,readonly"
    run(["docker", "run", *options, mount, *words])
    return name


def _await_database(postgres: Postgres, container: str) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            # The first initialisation's server listens on the socket alone: only the real one has a name.
            run(["docker", "exec", container, "pg_isready", "-q", "-h", "flexmeasures-db"])
            postgres.version()
        except BackupError as error:
            if time.monotonic() > deadline or not Engine().is_running(container):
                raise BackupError(f"drill: the scratch database did not start: {error}") from error
            time.sleep(0.5)
        else:
            return


def _remove() -> None:
    """Remove what a drill, this one or a killed one, made: found by its label alone."""
    found = run(["docker", "ps", "--all", "--quiet", "--filter", f"label={_LABEL}"]).split()
    if found:
        run(["docker", "rm", "--force", "--volumes", *found])
    networks = run(["docker", "network", "ls", "--quiet", "--filter", f"label={_LABEL}"]).split()
    if networks:
        run(["docker", "network", "rm", *networks])
