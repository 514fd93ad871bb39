"""Copies of SQLite stores that others are writing, and what counts as a secret."""

import sqlite3
from contextlib import closing

from cariflex_backup import collect


def test_copy_sqlite__while_a_writer_holds_the_log__has_what_was_committed(tmp_path):
    source, target = tmp_path / "ven.sqlite", tmp_path / "copy"
    with closing(sqlite3.connect(source)) as writer:
        writer.executescript("PRAGMA journal_mode = WAL; CREATE TABLE event (id);")
        with writer:
            writer.execute("INSERT INTO event VALUES (1)")
        writer.execute("BEGIN")
        writer.execute("INSERT INTO event VALUES (2)")

        collect.copy_sqlite(source, target)

        # The committed row lies in the log alone: a copy of the file would lack it.
        with closing(sqlite3.connect(target)) as copy:
            assert copy.execute("SELECT id FROM event").fetchall() == [(1,)]
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy"]


def test_is_sqlite__by_content_not_by_name(tmp_path):
    (tmp_path / "state.sqlite3").write_text("{}")
    with closing(sqlite3.connect(tmp_path / "store.dat")) as connection:
        connection.execute("CREATE TABLE event (id)")

    assert collect.is_sqlite(tmp_path / "store.dat")
    assert not collect.is_sqlite(tmp_path / "state.sqlite3")


def test_secret_values__short_words_are_none(tmp_path):
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis/password").write_text("long-enough-to-tell\n")
    (tmp_path / "pin").write_text("1234")

    assert list(collect.secret_values(tmp_path)) == [b"long-enough-to-tell"]
    assert list(collect.secret_values(tmp_path / "none")) == []
