"""The VEN's database: migrations, the outbox's states, the intents' cursor."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cariflex_openadr.domain.model import SensorValue
from cariflex_openadr.storage.intents import Intent, IntentInterval, Intents
from cariflex_openadr.storage.outbox import DEAD, PENDING, SENT, Outbox, Post
from cariflex_openadr.storage.ven_database import (
    MIGRATIONS,
    VenDatabaseError,
    open_ven_database,
    to_moment,
    to_text,
    transaction,
)

NOW = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)
START = NOW.replace(second=0)
MINUTE = timedelta(minutes=1)
POST = Post(
    sensor_id=86,
    event_id="load-1",
    modification=0,
    unit="%",
    resolution=MINUTE,
    values=(SensorValue(START, 40.0), SensorValue(START + MINUTE, 50.0)),
    belief_time=NOW,
    poster="OpenADR VTN",
)
INTENT = Intent(
    vtn_id="CARIFLEX_VTN",
    event_id="load-1",
    modification=0,
    kind="load_control",
    signal_type="x-loadControlCapacity",
    priority=1,
    status="active",
    start=START,
    end=START + 2 * MINUTE,
    intervals=(IntentInterval(START, START + 2 * MINUTE, 0.4),),
    targets=("battery_01",),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ven.sqlite3"


def outbox(path: Path, now: datetime = NOW) -> Outbox:
    return Outbox(open_ven_database(path), lambda: now)


def test_open__durable_wal_and_current_version(path: Path) -> None:
    connection = open_ven_database(path)
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def test_open__every_older_version__migrated(path: Path) -> None:
    for version in range(len(MIGRATIONS)):
        older = path.with_name(f"version-{version}.sqlite3")
        raw = sqlite3.connect(older)
        raw.executescript(";".join(MIGRATIONS[:version]))
        raw.execute(f"PRAGMA user_version = {version}")
        raw.close()
        outbox(older).put(POST)
        assert len(outbox(older).entries()) == 1


def test_open__newer_version__refused_with_remedy(path: Path) -> None:
    open_ven_database(path).execute("PRAGMA user_version = 99")
    with pytest.raises(VenDatabaseError, match=r"version 99; expected at most .* deploy that release"):
        open_ven_database(path)


def test_open__no_database__refused(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(VenDatabaseError, match="expected a writable SQLite database"):
        open_ven_database(path)


def test_transaction__raises__nothing_kept_and_inner_joins_outer(path: Path) -> None:
    connection = open_ven_database(path)
    box = Outbox(connection, lambda: NOW)

    def killed() -> None:
        with transaction(connection):
            with transaction(connection):
                box.put(POST)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        killed()
    assert box.entries() == []


def test_to_text__order_of_texts_is_order_of_times() -> None:
    moments = [START, START + timedelta(microseconds=1), START + timedelta(milliseconds=500), NOW]
    assert sorted(to_text(moment) for moment in moments) == [to_text(moment) for moment in moments]
    assert [to_moment(to_text(moment)) for moment in moments] == moments


def test_put__same_key__kept_once_as_it_was(path: Path) -> None:
    box = outbox(path)
    box.put(POST)
    box.put(replace(POST, belief_time=NOW + MINUTE))
    entries = outbox(path).entries()
    assert [entry.post for entry in entries] == [POST]
    assert (entries[0].state, entries[0].attempts) == (PENDING, 0)


@pytest.mark.parametrize(
    "other",
    [
        replace(POST, sensor_id=87),
        replace(POST, modification=1),
        replace(POST, event_id="load-2"),
        replace(POST, change=1),
        replace(POST, values=POST.values[1:]),
    ],
)
def test_put__other_key__kept_too(path: Path, other: Post) -> None:
    box = outbox(path)
    box.put(POST)
    box.put(other)
    assert len(box.entries()) == 2


def test_post__without_values_or_two_at_an_instant__refused() -> None:
    with pytest.raises(ValueError, match="0 values"):
        replace(POST, values=())
    with pytest.raises(ValueError, match="no more at resolution 0"):
        replace(POST, resolution=timedelta())


def test_due__failed_waits_and_holds_up_its_own_sensor_only(path: Path) -> None:
    box = outbox(path)
    box.put(POST)
    box.put(replace(POST, modification=1))
    box.put(replace(POST, sensor_id=87))
    box.failed(box.due()[0].entry_id, "status code 503", NOW + MINUTE)
    assert [entry.post.sensor_id for entry in box.due(10)] == [87]
    later = outbox(path, NOW + MINUTE)
    assert [(entry.post.sensor_id, entry.attempts, entry.error) for entry in later.due(10)] == [
        (87, 0, ""),
        (86, 1, "status code 503"),
    ]


def test_dead__seen_counted_and_retried(path: Path) -> None:
    box = outbox(path)
    box.put(POST)
    box.put(replace(POST, modification=1))
    second, first = box.entries()
    box.sent(first.entry_id)
    box.dead(second.entry_id, "Required unit is kW")
    assert box.counts() == {PENDING: 0, SENT: 1, DEAD: 1}
    assert box.due(10) == []
    assert [entry.error for entry in box.entries(DEAD)] == ["Required unit is kW"]
    assert box.retry() == 1
    assert [entry.entry_id for entry in box.due(10)] == [second.entry_id]


def test_raise_belief__kept_and_later_posts_for_the_slots_stay_later(path: Path) -> None:
    box, second = outbox(path), timedelta(seconds=1)
    elsewhere = (SensorValue(START + timedelta(days=1), 40.0),)
    for change, post in enumerate(
        [
            POST,
            replace(POST, modification=1, belief_time=NOW + second),
            replace(POST, modification=2, belief_time=NOW + second, values=elsewhere),
            replace(POST, modification=3, belief_time=NOW + MINUTE),
        ]
    ):
        box.put(replace(post, change=change))
    raised = box.raise_belief(box.due()[0])
    assert raised is not None
    assert raised.post.belief_time == NOW + second
    kept = {entry.post.modification: entry.post.belief_time - NOW for entry in outbox(path).entries()}
    assert kept == {0: second, 1: 2 * second, 2: second, 3: MINUTE}


def test_raise_belief__past_what_was_sent_later__superseded(path: Path) -> None:
    box, second = outbox(path), timedelta(seconds=1)
    box.put(POST)
    box.put(replace(POST, modification=1, belief_time=NOW + second))
    newer, older = box.entries()
    box.dead(older.entry_id, "refused")
    box.sent(newer.entry_id)
    assert box.raise_belief(older) is None
    assert box.counts() == {PENDING: 0, SENT: 2, DEAD: 0}


def test_is_believed__overlapping_slots_of_the_sensor_only(path: Path) -> None:
    box = outbox(path)
    box.put(POST)
    assert box.is_believed(86, START + MINUTE, START + 9 * MINUTE, NOW)
    assert not box.is_believed(86, START + 2 * MINUTE, START + 9 * MINUTE, NOW)
    assert not box.is_believed(87, START, START + MINUTE, NOW)
    assert not box.is_believed(86, START, START + MINUTE, NOW + MINUTE)
    assert box.newest_belief("load-1") == NOW


def test_drop_sent__pending_and_dead_stay(path: Path) -> None:
    box = outbox(path)
    for modification in range(3):
        box.put(replace(POST, modification=modification))
    entries = box.entries()
    box.sent(entries[0].entry_id)
    box.dead(entries[1].entry_id, "refused")
    box.drop_sent_before(NOW + timedelta(days=9))
    assert sorted(entry.state for entry in box.entries()) == [DEAD, PENDING]


def test_intents__each_change_a_higher_revision(path: Path) -> None:
    intents = Intents(open_ven_database(path), lambda: NOW)
    intents.put(INTENT)
    intents.put(replace(INTENT, event_id="load-2"))
    seen = intents.since(0)
    intents.put(replace(INTENT, modification=1))
    changed = intents.since(seen[-1].revision)
    assert [(item.event_id, item.modification) for item in changed] == [("load-1", 1)]
    assert replace(changed[0], revision=0) == replace(INTENT, modification=1)


def test_intents__revision_never_used_again_after_dropping(path: Path) -> None:
    intents = Intents(open_ven_database(path), lambda: NOW)
    intents.put(INTENT)
    last = intents.since(0)[-1].revision
    intents.drop_ended_before(NOW + timedelta(days=9))
    intents.put(INTENT)
    assert [item.revision > last for item in intents.since(0)] == [True]


def test_intents__cancelled_and_ended_are_not_active(path: Path) -> None:
    connection = open_ven_database(path)
    intents = Intents(connection, lambda: NOW)
    intents.put(INTENT)
    intents.put(replace(INTENT, event_id="load-2"))
    intents.cancel("CARIFLEX_VTN", "load-1")
    assert [item.event_id for item in intents.active()] == ["load-2"]
    assert intents.since(2)[0].status == "cancelled"
    assert Intents(connection, lambda: NOW + timedelta(days=1)).active() == []


def test_intents__cancel_twice__no_second_revision(path: Path) -> None:
    intents = Intents(open_ven_database(path), lambda: NOW)
    intents.put(INTENT)
    intents.cancel("CARIFLEX_VTN", "load-1")
    last = intents.since(0)[-1].revision
    intents.cancel("CARIFLEX_VTN", "load-1")
    assert intents.since(last) == []
