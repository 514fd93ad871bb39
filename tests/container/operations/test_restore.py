"""Restores over a running stack: complete, refused, and interrupted."""

import os
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing

import pytest

pytestmark = pytest.mark.container

# As an engine that loses the end of an exec's input (https://github.com/containerd/containerd/issues/4489).
DEAF_DOCKER = """#!/usr/bin/env python3
import os, subprocess, sys
words = [{docker!r}, *sys.argv[1:]]
if sys.argv[1:3] != ["exec", "-i"]:
    os.execv(words[0], words)
with subprocess.Popen(words, stdin=subprocess.PIPE) as program:
    try:
        while chunk := os.read(0, 1 << 16):
            program.stdin.write(chunk)
            program.stdin.flush()
    except BrokenPipeError:
        pass
    # Its input stays open until it ends by itself.
    sys.exit(program.wait())
"""


def _beliefs(stack):
    return int(stack.sql("SELECT count(*) FROM timed_belief"))


def _restart_clients(stack):
    """What the deployment after a restore does."""
    subprocess.run(["docker", "start", stack.redis], check=True, capture_output=True)
    stack.await_answers()


def test_restore__after_everything_was_lost__is_as_it_was(stack):
    stack.add_beliefs(500)
    store = stack.volume_path() / "ven.sqlite3"
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript("CREATE TABLE event (id); INSERT INTO event VALUES (7);")
    archive = stack.backup()
    stack.sql("TRUNCATE timed_belief; DELETE FROM sensor")
    stack.redis_cli("flushall")
    store.unlink()
    (stack.folder / "config/app.cfg").write_text("level = 0\n")

    done = stack.run("restore", str(archive), "--confirm", "dev")

    assert done.returncode == 0, done.stderr
    assert f"stopped: {stack.redis}" in done.stdout
    _restart_clients(stack)
    assert _beliefs(stack) == 500
    assert stack.redis_cli("get", "rq:job:1") == "a job"
    assert stack.redis_cli("set", "again", "1") == "OK"
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("SELECT id FROM event").fetchall() == [(7,)]
    assert (stack.folder / "config/app.cfg").read_text() == "level = 3\n"
    assert stack.sql("SELECT datname FROM pg_database WHERE datname LIKE '%restor%'", "postgres") == ""


def test_restore__sequences__stand_behind_the_fixed_ids(stack):
    # As after a restore by other means: the sequence hands out ids that fixed sensors hold.
    stack.sql("SELECT setval('sensor_id_seq', 40)")
    archive = stack.backup()

    assert stack.run("restore", str(archive), "--confirm", "dev").returncode == 0

    assert stack.sql("SELECT nextval('sensor_id_seq')") == "42"


def test_restore__dashboards_rights__come_back(stack):
    stack.sql("GRANT SELECT ON timed_belief TO dashboards")
    archive = stack.backup()

    assert stack.run("restore", str(archive), "--confirm", "dev").returncode == 0

    assert stack.sql("SELECT has_table_privilege('dashboards', 'timed_belief', 'SELECT')") == "t"
    assert stack.sql("SELECT has_database_privilege('public', 'flexmeasures', 'CONNECT')", "postgres") == "f"
    assert stack.sql(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    ) == ("flexmeasures")


def test_restore__rights_of_a_role_that_is_not_here__come_with_it(stack):
    # As monitoring's: prod has it; dev, where it is switched off, has none, or one that cannot log in.
    stack.sql("CREATE ROLE monitoring NOLOGIN; GRANT SELECT ON timed_belief TO monitoring")
    archive = stack.backup()
    stack.sql("DROP OWNED BY monitoring; DROP ROLE monitoring")

    done = stack.run("restore", str(archive), "--confirm", "dev")

    assert done.returncode == 0, done.stderr
    assert stack.sql("SELECT has_table_privilege('monitoring', 'timed_belief', 'SELECT')") == "t"
    assert stack.sql("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'monitoring'") == "f"


def test_backup_and_restore__engine_loses_the_end_of_input__end_all_the_same(stack, tmp_path, monkeypatch):
    stack.add_beliefs(20)
    (tmp_path / "docker").write_text(DEAF_DOCKER.format(docker=shutil.which("docker")))
    (tmp_path / "docker").chmod(0o755)

    with monkeypatch.context() as engine:
        engine.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        archive = stack.backup()
        done = stack.run("restore", str(archive), "--confirm", "dev")

    assert done.returncode == 0, done.stderr
    assert _beliefs(stack) == 20


@pytest.mark.parametrize("confirm", ["", "prod"])
def test_restore__not_confirmed__changes_nothing(stack, confirm):
    archive = stack.backup()
    stack.add_beliefs(10)

    done = stack.run("restore", str(archive), "--confirm", confirm)

    assert done.returncode == 1
    assert f"--confirm is '{confirm}', expected 'dev'" in done.stderr
    assert _beliefs(stack) == 10


def test_restore__schema_that_cannot_be_placed__is_refused_with_the_way_out(stack):
    stack.sql("UPDATE alembic_version SET version_num = 'of-the-future'")
    archive = stack.backup()
    stack.sql("UPDATE alembic_version SET version_num = '3bc1e29ca1f4'")
    stack.add_beliefs(10)

    for words in (("check", str(archive)), ("restore", str(archive), "--confirm", "dev")):
        done = stack.run(*words)
        assert done.returncode == 1
        assert "schema of-the-future" in done.stderr
        assert "deploy release 2026.11 first" in done.stderr
    assert _beliefs(stack) == 10


def test_restore__damaged_archive__changes_nothing(stack):
    stack.add_beliefs(1000)
    archive = stack.backup()
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    archive.write_bytes(data)

    done = stack.run("restore", str(archive), "--confirm", "dev")

    assert done.returncode == 1
    assert "use another archive" in done.stderr
    assert _beliefs(stack) == 1000
    assert stack.redis_cli("get", "rq:job:1") == "a job"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_restore__interrupted_while_loading__old_data_serve_on_and_a_second_run_completes(
    stack, wait_until, how
):
    stack.add_beliefs(120_000)
    archive = stack.backup()
    stack.sql("TRUNCATE timed_belief")
    stack.add_beliefs(3)

    def loading():
        seen = (
            "SELECT 1 FROM pg_stat_activity WHERE datname = 'flexmeasures_restoring' AND query LIKE 'COPY%'"
        )
        return stack.sql(seen, "postgres") == "1"

    with subprocess.Popen(stack.command("restore", str(archive), "--confirm", "dev")) as running:
        wait_until(loading, "rows are being loaded")
        running.send_signal(how)
        assert running.wait(timeout=30) != 0

    assert _beliefs(stack) == 3
    assert stack.redis_cli("get", "rq:job:1") == "a job"
    again = stack.run("restore", str(archive), "--confirm", "dev")
    assert again.returncode == 0, again.stderr
    assert _beliefs(stack) == 120_000
