"""What survives kill -9, of the VTN and of PostgreSQL, and what several VTNs on one database agree on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cariflex_openadr.control import ControlError
from cariflex_openadr.settings.vtn import DatabaseSettings, VtnSettings
from cariflex_openadr.storage.database import Database, DatabaseError, MigrationError
from cariflex_openadr.vtn import Vtn
from support.postgres import Cluster, running_cluster
from support.processes import VtnProcess
from support.simulated_ven import SimulatedVen, until

pytestmark = pytest.mark.processes

LOAD_CONTROL = {"type": "load_control", "value": 0.4, "duration_s": 300}


@pytest.fixture
def process(tmp_path: Path, database: DatabaseSettings) -> Iterator[VtnProcess]:
    """A VTN in a process of its own."""
    vtn = VtnProcess(tmp_path / "vtn", database)
    vtn.start()
    yield vtn
    vtn.kill()


@pytest.fixture
def second(tmp_path: Path, database: DatabaseSettings) -> Iterator[VtnProcess]:
    """Another VTN on the same database."""
    vtn = VtnProcess(tmp_path / "second", database)
    vtn.start()
    yield vtn
    vtn.kill()


@pytest.fixture
def mortal() -> Iterator[Cluster]:
    """A PostgreSQL server that may be killed."""
    with running_cluster(fsync=True) as server:
        yield server


def test_kill_vtn__ven_goes_on_without_registering_and_nothing_is_new(process: VtnProcess) -> None:
    """After kill -9 polls are answered as before: events, modifications, opts and registration are there."""
    ven = SimulatedVen(process.url)
    ven.register()
    created = process.ask("/events", LOAD_CONTROL, "POST")
    before = ven.poll_events()
    assert (created["event_id"], 0) in before
    ven.answer(before)
    assert ven.poll_events() == {}
    changed = process.ask(f"/events/{created['event_id']}", {"value": 0.5, "duration_s": 300}, "PATCH")
    process.kill()
    process.start()
    after = ven.poll_events()
    # The modification that was left unanswered makes the whole list news again; nothing else has changed.
    expected = {key: text for key, text in before.items() if key[0] != created["event_id"]}
    assert {key: text for key, text in after.items() if key[0] != created["event_id"]} == expected
    assert (changed["event_id"], 1) in after
    ven.answer(after)
    process.kill()
    process.start()
    assert ven.poll_events() == {}
    assert ven.reregistrations == 0


def test_kill_vtn__while_it_answers__either_kept_or_offered_again(process: VtnProcess) -> None:
    """An opt that was acknowledged is never asked for again; one that was not is."""
    ven = SimulatedVen(process.url)
    ven.register()
    for _ in range(3):
        process.ask("/events", LOAD_CONTROL | {"replace": True}, "POST")
        offered = ven.poll_events()
        acknowledged = ven.answer_while(offered, process.kill)
        process.start()
        again = ven.poll_events()
        expected = {} if acknowledged else offered
        # An answer that was cut off may have been committed all the same.
        assert again in (expected, {})
        ven.answer(again)


def test_kill_database__refused_until_it_is_back_then_as_before(mortal: Cluster, tmp_path: Path) -> None:
    """Without its database the VTN answers 503, never from memory; what was committed outlives kill -9."""
    vtn = VtnProcess(tmp_path / "vtn", mortal.database())
    vtn.start()
    try:
        ven = SimulatedVen(vtn.url)
        ven.register()
        ven.answer(ven.poll_events())
        event = vtn.ask("/events", LOAD_CONTROL, "POST")
        mortal.kill()
        until(lambda: ven.poll_status() == 503)
        with pytest.raises(ControlError, match="database"):
            vtn.ask("/healthz")
        with pytest.raises(ControlError, match="database"):
            vtn.ask("/events", LOAD_CONTROL | {"replace": True}, "POST")
        mortal.start()
        until(lambda: ven.poll_status() == 200)
        offered = ven.poll_events()
        assert {key for key in offered if key[0] == event["event_id"]} == {(event["event_id"], 0)}
        ven.answer(offered)
        assert ven.poll_events() == {}
        assert ven.reregistrations == 0
    finally:
        vtn.kill()


async def test_database__opened_again_after_an_outage__serves_at_once(
    mortal: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked in vain during the outage must not make the next one wait for the pool's next try."""
    monkeypatch.setattr("cariflex_openadr.storage.database.POOL_TIMEOUT_S", 0.5)
    database = Database(mortal.database())
    await database.open()
    try:
        mortal.kill()
        # Tries come after 1, 3 and 7 s: the next one is then seconds away.
        outage_end = time.monotonic() + 3.5
        while time.monotonic() < outage_end:
            with pytest.raises(DatabaseError):
                await database.rows("SELECT 1")
        mortal.start()
        await database.open()
        assert await database.rows("SELECT 1 AS one") == [{"one": 1}]
    finally:
        await database.close()


def test_vtn__database_down_at_start__waits_for_it(mortal: Cluster, tmp_path: Path) -> None:
    """The VTN may start first: it says what it lacks, and serves once the database is there."""
    vtn = VtnProcess(tmp_path / "vtn", mortal.database())
    mortal.kill()
    vtn.start(wait=False)
    try:
        ven = SimulatedVen(vtn.url)
        until(lambda: ven.poll_status() == 503)
        mortal.start()
        vtn.wait_healthy()
        ven.register()
        assert len(ven.poll_events()) == 3
    finally:
        vtn.kill()


async def test_start__database_of_a_newer_program__refused_with_the_reason(vtn_settings: VtnSettings) -> None:
    """An older image does not touch the database of a newer one; it says so and ends."""
    first = Vtn(vtn_settings)
    await first.start()
    await first.store.database.change("INSERT INTO schema_version VALUES (9999, 'future')")
    await first.stop()
    older = Vtn(vtn_settings)
    with pytest.raises(MigrationError, match="9999"):
        await older.start()
    await older.stop()


def test_stop__sigterm__exits_cleanly_with_polls_written(process: VtnProcess) -> None:
    """SIGTERM ends the service with code 0; the last poll is in the database."""
    ven = SimulatedVen(process.url)
    ven.register()
    ven.poll_events()
    assert process.stop() == 0
    process.start()
    assert process.ask("/vens")["vens"][0]["last_poll"] is not None


def test_two_processes__events_and_answers_pass_between_them(process: VtnProcess, second: VtnProcess) -> None:
    """What one process commits the other serves: events, modifications, opts, registrations, revocations."""
    one, other = SimulatedVen(process.url), SimulatedVen(second.url)
    one.register()
    until(lambda: other.poll_kind() == "oadrDistributeEvent")
    assert one.poll_events() == other.poll_events()
    event = process.ask("/events", LOAD_CONTROL, "POST")
    until(lambda: (event["event_id"], 0) in other.poll_events())
    other.answer(other.poll_events())
    until(lambda: one.poll_events() == {})
    second.ask(f"/events/{event['event_id']}/cancel", method="POST")
    until(lambda: (event["event_id"], 1) in one.poll_events())
    second.ask("/vens/ven-cariflex/revoke", method="POST")
    until(lambda: one.poll_status() == 403)


def test_two_processes__started_together_on_an_empty_database__one_program(
    tmp_path: Path, database: DatabaseSettings
) -> None:
    """Migrations run once, and each day's events are published once, however many processes start."""
    vtns = [VtnProcess(tmp_path / str(number), database) for number in range(3)]
    try:
        for vtn in vtns:
            vtn.start(wait=False)
        for vtn in vtns:
            vtn.wait_healthy()
        for vtn in vtns:
            events = vtn.ask("/events")["events"]
            assert len(events) == len({event["event_id"] for event in events}) == 3
            assert {event["modification"] for event in events} == {0}
    finally:
        for vtn in vtns:
            vtn.kill()
