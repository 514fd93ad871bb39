"""venctl against a running VEN: dead letters, opts, registration; what is refused and in which words."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cariflex_openadr import venctl
from cariflex_openadr.clients.flexmeasures import PostRefusedError
from cariflex_openadr.storage.outbox import Post
from cariflex_openadr.ven import Ven
from support import clock_from_noon, eventually
from support.scripted_vtn import ScriptedVtn, serving
from support.ven import FlexMeasuresDouble, ven_config
from support.ven_bench import LOAD, PRICE, Bench, distribution_text


class RefusingFlexMeasures(FlexMeasuresDouble):
    """Refuses everything until told otherwise."""

    refusing = True

    async def post(self, post: Post) -> None:
        if self.refusing:
            raise PostRefusedError("Required unit is kW")
        await super().post(post)


@pytest.fixture
def flexmeasures() -> RefusingFlexMeasures:
    return RefusingFlexMeasures()


@pytest.fixture
async def ven(flexmeasures: RefusingFlexMeasures, tmp_path: Path) -> AsyncIterator[Ven]:
    bench = Bench()
    async with serving(ScriptedVtn()) as vtn:
        vtn.events = lambda: distribution_text(bench.wire()).encode()
        service = Ven(ven_config(vtn.port, 0.02, tmp_path / "ven.sqlite3"), flexmeasures, clock_from_noon())
        await service.start()
        await eventually(lambda: service.agent.last_poll is not None)
        yield service
        await service.stop()


class Commands:
    """venctl on one VEN."""

    def __init__(self, ven: Ven, capture: pytest.CaptureFixture[str]) -> None:
        self._url, self._capture = f"127.0.0.1:{ven.status_port}", capture

    async def __call__(self, *words: str) -> tuple[int, str]:
        """Exit code, and what was printed on either stream."""
        self._capture.readouterr()
        code = await asyncio.to_thread(venctl.run, ["--url", self._url, *words])
        printed = self._capture.readouterr()
        return code, printed.out + printed.err

    async def json(self, *words: str) -> Any:
        code, printed = await self(*words, "--json")
        assert code == 0, printed
        return json.loads(printed)


@pytest.fixture
def command(ven: Ven, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(ven, capsys)


async def test_outbox__dead_letters_seen_then_retried(
    command: Commands, ven: Ven, flexmeasures: RefusingFlexMeasures
) -> None:
    await eventually(lambda: ven.sender.outbox.counts()["dead"] == 3)
    dead = await command.json("outbox", "--state", "dead")
    assert {post["event_id"] for post in dead["posts"]} >= {PRICE, LOAD}
    assert "Required unit is kW" in (await command("outbox"))[1]
    flexmeasures.refusing = False
    assert (await command.json("outbox", "retry", "--id", str(dead["posts"][0]["id"])))["retried"] == 1
    assert (await command.json("outbox", "retry"))["retried"] >= 2
    await eventually(lambda: ven.sender.outbox.counts()["sent"] == 3)
    assert (await command("outbox", "retry", "--id", "99"))[0] == 1


async def test_outbox__dead_letters_of_one_sensor__given_up_or_retried(
    command: Commands, ven: Ven, flexmeasures: RefusingFlexMeasures
) -> None:
    """What can never be taken is dropped for one sensor alone; what was mended goes out, sent ones stay."""
    await eventually(lambda: ven.sender.outbox.counts()["dead"] == 3)
    assert (await command("outbox", "drop"))[0] == 1
    (post,) = (await command.json("outbox", "--sensor", "84", "--state", "dead"))["posts"]
    dropped = await command.json("outbox", "drop", "--sensor", "84")
    assert [(row["id"], row["event_id"]) for row in dropped["posts"]] == [(post["id"], PRICE)]
    assert (await command.json("outbox", "drop", "--sensor", "84"))["dropped"] == 0
    flexmeasures.refusing = False
    assert (await command.json("outbox", "retry", "--sensor", "86"))["retried"] == 1
    await eventually(lambda: ven.sender.outbox.counts() == {"pending": 0, "sent": 1, "dead": 1})
    assert {item.sensor_id for item in flexmeasures.posts} == {86}
    (sent,) = (await command.json("outbox", "--state", "sent"))["posts"]
    for number in (str(sent["id"]), "99"):
        code, words = await command("outbox", "drop", "--id", number)
        assert (code, "expected a post that is dead" in words) == (1, True)
    # Given up is given up: the polls since have brought nothing back.
    assert (await command.json("outbox", "--sensor", "84"))["posts"] == []


async def test_opt__schedule_made_listed_cancelled(command: Commands) -> None:
    window = ("--start", "2030-01-01T18:00-04:00", "--end", "2030-01-01T22:00-04:00")
    made = await command.json("opt", "out", *window, "--market-context", "http://test/load")
    assert (made["opt"], made["start"], made["market_context"]) == (
        "optOut",
        "2030-01-01T22:00:00Z",
        "http://test/load",
    )
    assert made["opt_id"] in (await command("opt", "list"))[1]
    assert (await command.json("opt", "cancel", made["opt_id"]))["state"] in ("cancelling", "cancelled")


async def test_opt__event__taken_back_and_answer_changed(command: Commands, ven: Ven) -> None:
    await command.json("opt", "out", "--event", LOAD)
    assert LOAD not in {intent.event_id for intent in ven.agent.inbox.intents.active()}
    await command.json("opt", "in", "--event", LOAD)
    newest = [row for row in (await command.json("status"))["events"] if row["event_id"] == LOAD][-1]
    assert newest["opt"] == "optIn"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("opt", "out", "--event", "nothing"), "expected one that `venctl status` shows"),
        (("opt", "out", "--start", "soon", "--end", "later"), "expected a date and time with offset"),
        (("opt", "out", "--start", "2030-01-01T18:00", "--end", "2030-01-01T19:00"), "expected an offset"),
        (
            ("opt", "out", "--start", "2030-01-02T00:00Z", "--end", "2030-01-01T00:00Z"),
            "expected an end after",
        ),
        (("opt", "out", "--event", LOAD, "--reason", "tired"), "expected one of economic"),
        (("opt", "cancel", "nothing"), "expected one that `venctl opt list` shows"),
    ],
)
async def test_bad_input__refused_in_words(command: Commands, words: tuple[str, ...], reason: str) -> None:
    code, printed = await command(*words)
    assert code == 1
    assert reason in printed


async def test_registration__cancelled_and_renewed(command: Commands, ven: Ven) -> None:
    await command.json("registration", "cancel")
    assert (await command.json("status"))["unregistered_by"] == "operator"
    assert (await command("health"))[0] == 0
    await command.json("registration", "renew")
    await eventually(lambda: ven.agent.registered)


async def test_health__database_locked_by_a_stuck_writer__failing_with_words(
    command: Commands, ven: Ven, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(ven.sender.outbox, "check_writable", locked)
    code, printed = await command("health")
    assert code == 1
    assert "database is locked; expected a writable one" in printed
