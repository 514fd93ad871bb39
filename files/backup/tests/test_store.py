"""The archive directory: what a killed run leaves, what is removed, what is never overwritten."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from cariflex_backup import metrics
from cariflex_backup.errors import BackupError
from cariflex_backup.retention import Rules
from cariflex_backup.store import Store, archive_name, taken_at

NOW = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "backups", Rules())


def _put(store, taken, content=b"data", *, encrypted=False):
    store.directory.mkdir(exist_ok=True)
    path = store.directory / archive_name(taken, encrypted=encrypted)
    path.write_bytes(gzip.compress(content))
    return path


def test_archive_name__is_the_specifications_in_utc():
    assert archive_name(NOW, encrypted=False) == "20261123_021500.tar.gz"
    assert archive_name(NOW, encrypted=True) == "20261123_021500.tar.gz.age"


@pytest.mark.parametrize("name", ["20261123_021500.tar.gz.part", "notes.txt", "20261323_021500.tar.gz"])
def test_taken_at__other_names__none(name):
    assert taken_at(name) is None


def test_exclusive__after_a_killed_run__starts_empty_and_leaves_nothing(store):
    (store.directory / ".staging").mkdir(parents=True)
    (store.directory / ".staging/half").write_bytes(b"x")

    with store.exclusive() as staging:
        assert list(staging.iterdir()) == []
        (staging / "own").write_bytes(b"x")

    assert [path.name for path in store.directory.iterdir()] == [".lock"]


def test_exclusive__while_another_runs__is_refused(store):
    with (
        store.exclusive(),
        pytest.raises(BackupError, match="another backup or restore runs"),
        Store(store.directory, Rules()).exclusive(),
    ):
        pass


def test_prune__removes_only_archives_that_the_rules_drop(store):
    first_of_week = _put(store, NOW - timedelta(days=41))
    old = _put(store, NOW - timedelta(days=40))
    first_of_month = _put(store, NOW - timedelta(days=52), encrypted=True)
    recent = _put(store, NOW - timedelta(days=3))
    foreign = store.directory / "notes.txt"
    foreign.write_text("mine")

    assert store.prune(NOW) == [old.name]
    assert {first_of_week, first_of_month, recent, foreign} <= set(store.directory.iterdir())


def test_newest__a_damaged_file_on_top__is_passed_over(store):
    good = _put(store, NOW - timedelta(days=1))
    _put(store, NOW).write_bytes(b"")

    assert store.newest() == good


def test_newest__no_archive__says_what_to_do(store):
    with pytest.raises(BackupError, match="holds no archive; run a backup first"):
        store.newest()


def test_publish__a_name_that_exists__is_not_overwritten(store, tmp_path):
    existing = _put(store, NOW, b"first")
    (tmp_path / "staged").write_bytes(b"second")

    with pytest.raises(BackupError, match="exists already"):
        store.publish(tmp_path / "staged", existing.name)
    assert gzip.decompress(existing.read_bytes()) == b"first"


def test_metrics__a_failure__keeps_the_last_success(tmp_path):
    path = tmp_path / "metrics/backup.prom"
    metrics.update(path, {"cariflex_backup_last_success_timestamp_seconds": 1795000000.0})
    metrics.update(path, {"cariflex_backup_last_run_failed": 1.0})

    assert metrics.read(path) == {
        "cariflex_backup_last_success_timestamp_seconds": 1795000000.0,
        "cariflex_backup_last_run_failed": 1.0,
    }
    assert "# TYPE cariflex_backup_last_run_failed gauge\n" in path.read_text()
