"""Backups against real PostgreSQL and Redis: while values flow, killed in the middle, on a full disk."""

import json
import signal
import sqlite3
import subprocess
import tarfile
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.container


def _manifest(archive):
    with tarfile.open(archive) as tar:
        return json.load(tar.extractfile("manifest.json"))


def _names(archive):
    with tarfile.open(archive) as tar:
        return tar.getnames()


def _metrics(stack):
    lines = [line.split() for line in stack.metrics.read_text().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


@contextmanager
def _locked(stack):
    """Hold a lock that pg_dump must wait for, so that a backup stands still in its middle."""
    words = [
        "docker",
        "exec",
        "-i",
        stack.database,
        "psql",
        "-X",
        "-q",
        "-U",
        "postgres",
        "-d",
        "flexmeasures",
    ]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        session.stdin.write("BEGIN;\nLOCK TABLE timed_belief IN ACCESS EXCLUSIVE MODE;\n\\echo locked\n")
        session.stdin.flush()
        assert session.stdout.readline() == "locked\n"
        yield
        session.stdin.close()
        session.wait(timeout=30)


@contextmanager
def _standing_still(stack, wait_until):
    """A backup that waits for the lock, as a process that the test may kill."""
    with (
        _locked(stack),
        subprocess.Popen(stack.command("backup"), stderr=subprocess.PIPE, text=True) as running,
    ):
        dump = stack.backups / ".staging/content/databases/flexmeasures.dump"
        wait_until(dump.exists, "the dump begins")
        yield running


def test_backup__while_values_are_written__is_one_moment(stack):
    done = threading.Event()

    def write():
        while not done.is_set():
            stack.add_beliefs(100)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        archive = stack.backup()
    finally:
        done.set()
        writer.join()

    manifest = _manifest(archive)
    rows = manifest["databases"][0]["rows"]["public.timed_belief"]
    # Each transaction writes 100: any other remainder would be half of one.
    assert rows % 100 == 0
    assert rows < int(stack.sql("SELECT count(*) FROM timed_belief"))
    assert stack.run("restore", str(archive), "--confirm", "dev").returncode == 0
    assert int(stack.sql("SELECT count(*) FROM timed_belief")) == rows


def test_backup__contents__are_all_there_and_described(stack):
    stack.add_beliefs(10)
    with closing(sqlite3.connect(stack.volume_path() / "ven.sqlite3")) as store:
        store.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE event (id); INSERT INTO event VALUES (7);"
        )
        archive = stack.backup()

    manifest = _manifest(archive)
    assert archive.stat().st_mode & 0o777 == 0o600
    assert {
        "databases/flexmeasures.dump",
        "redis/dump.rdb",
        f"volumes/{stack.ven_volume}/ven.sqlite3",
        "files/config/app.cfg",
        "state/containers.json",
        "state/networks.json",
    } <= set(_names(archive))
    assert manifest["databases"][0]["schema_revision"] == "3bc1e29ca1f4"
    assert manifest["databases"][0]["rows"]["public.sensor"] == 1
    assert manifest["versions"]["postgres"].startswith("17.")
    assert set(manifest["images"]) == stack.image_refs()
    metrics = _metrics(stack)
    assert metrics["cariflex_backup_last_run_failed"] == 0
    assert metrics["cariflex_backup_size_bytes"] == archive.stat().st_size


def test_backup__not_encrypted__holds_no_secret_and_names_what_a_restore_needs(stack, tmp_path):
    archive = stack.backup()

    manifest = _manifest(archive)
    assert manifest["left_out"]["keys"] == "secret, and the archive is not encrypted"
    assert manifest["left_out"]["config/leak.cfg"].startswith("holds a secret")
    assert manifest["left_out"]["acme"].endswith("does not exist")
    assert manifest["needs_secrets"] == ["vault_redis"]
    with tarfile.open(archive) as tar:
        contents = [tar.extractfile(entry).read() for entry in tar if not entry.name.startswith("databases/")]
    assert not any(b"the-secret-of" in content or b"a private thing" in content for content in contents)


def test_backup__encrypted_and_off_site__secrets_go_in_and_the_copy_is_whole(stack, tmp_path):
    keys = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    (tmp_path / "identity").write_text(keys)
    recipient = keys.splitlines()[1].split()[-1]
    remote = tmp_path / "remote"
    old = remote / "20200115_021500.tar.gz.age"
    older = remote / "20200101_021500.tar.gz.age"
    remote.mkdir()
    old.write_bytes(b"old")
    older.write_bytes(b"first of its month")
    (tmp_path / "rclone.conf").write_text("[far]\ntype = local\n")
    changes = {
        "age_recipient": recipient,
        "rclone_remote": f"far:{remote}",
        "rclone_config": str(tmp_path / "rclone.conf"),
        "environment": "prod",
    }

    archive = stack.backup(**changes)

    assert archive.name.endswith(".tar.gz.age")
    assert archive.read_bytes().startswith(b"age-encryption.org/")
    assert (remote / archive.name).read_bytes() == archive.read_bytes()
    assert not old.exists()
    assert older.exists()
    (stack.folder / "keys/ca.key").write_text("lost")
    refused = stack.run("restore", "latest", "--confirm", "prod", **changes)
    assert refused.returncode == 1
    assert "no identity was given" in refused.stderr
    # As docs/how-to/back-up-and-restore.md brings a copy back when the host is gone.
    archive.unlink()
    copy_back = [
        "rclone",
        "--config",
        changes["rclone_config"],
        "copy",
        f"far:{remote}/{archive.name}",
        stack.backups,
    ]
    subprocess.run(copy_back, check=True)
    words = ("restore", archive.name, "--confirm", "prod", "--identity", str(tmp_path / "identity"))
    assert stack.run(*words, **changes).returncode == 0
    assert (stack.folder / "keys/ca.key").read_text() == "a private thing\n"


def test_backup__of_prod_without_a_recipient__is_refused(stack):
    done = stack.run("backup", environment="prod")

    assert done.returncode == 1
    assert "age_recipient is empty" in done.stderr
    assert stack.archives() == []


def test_backup__killed_in_the_middle__leaves_the_last_good_one_and_the_next_succeeds(stack, wait_until):
    good = stack.backup()
    content = good.read_bytes()

    with _standing_still(stack, wait_until) as running:
        running.kill()
        running.wait(timeout=30)

    assert [path for path in stack.archives() if path.name != ".staging"] == [good]
    assert good.read_bytes() == content
    newer = stack.backup()
    assert stack.archives() == [good, newer]
    assert stack.run("check", "latest").returncode == 0


def test_backup__terminated__cleans_up_and_says_so(stack, wait_until):
    with _standing_still(stack, wait_until) as running:
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == 128 + signal.SIGTERM

    assert stack.archives() == []


def test_backup__while_another_runs__fails_and_disturbs_nothing(stack, wait_until):
    with _standing_still(stack, wait_until) as running:
        second = stack.run("backup")

        assert second.returncode == 1
        assert "another backup or restore runs" in second.stderr
        assert running.poll() is None
        running.terminate()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_backup__disk_full__fails_loudly_and_keeps_the_last_good_one(stack, small_disk):
    done = stack.run("backup", directory=str(small_disk))
    assert done.returncode == 0, done.stderr
    [good] = small_disk.glob("*.tar.gz")
    content = good.read_bytes()
    succeeded = _metrics(stack)["cariflex_backup_last_success_timestamp_seconds"]
    stack.add_beliefs(150_000)

    done = stack.run("backup", directory=str(small_disk))

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert [path.name for path in small_disk.iterdir() if path.name != ".lock"] == [good.name]
    assert good.read_bytes() == content
    assert _metrics(stack)["cariflex_backup_last_run_failed"] == 1
    assert _metrics(stack)["cariflex_backup_last_success_timestamp_seconds"] == succeeded


def test_backup__database_down__fails_and_names_the_container(stack):
    subprocess.run(["docker", "stop", stack.database], check=True, capture_output=True)

    done = stack.run("backup")

    assert done.returncode == 1
    assert stack.database in done.stderr
    assert stack.archives() == []
    assert _metrics(stack)["cariflex_backup_last_run_failed"] == 1
    assert not Path(stack.backups / ".staging").exists()
