"""The real VTN and the real VEN, each killed with SIGKILL at random points of hundreds of steps.

An operator creates, modifies and cancels events through the VTN; FlexMeasures comes and goes; the VTN dies in
the middle of an operator's order, the VEN in the middle of whatever it does. A model of what was ordered says
what the sensor must show in the end, slot by slot, and what the VEN must have answered.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cariflex_openadr.control import ControlError
from cariflex_openadr.settings import Listen
from cariflex_openadr.settings.vtn import DatabaseSettings
from cariflex_openadr.storage.outbox import Outbox
from cariflex_openadr.storage.ven_database import open_ven_database
from cariflex_service.runtime import iso, start_site
from support.flexmeasures import FlexMeasuresHttpDouble
from support.processes import VtnProcess
from support.ven_process import VenProcess
from support.vtn import PRICES, raw_program

pytestmark = pytest.mark.processes

STEPS, KILLS = 240, 3
MINUTE = timedelta(minutes=1)
LENGTH = 5 * MINUTE
SETTLE_S = 300


@dataclass
class Ordered:
    """An event as its operator knows it."""

    start: datetime
    value: float
    modification: int = 0
    cancelled: bool = False


@dataclass
class World:
    """Both sides, what is around them, and the model."""

    chance: random.Random
    vtn: VtnProcess
    ven: VenProcess
    flexmeasures: FlexMeasuresHttpDouble
    origin: datetime
    ordered: dict[str, Ordered] = field(default_factory=dict)
    made: int = 0
    one_hand: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ask(self, path: str, body: dict[str, Any] | None = None, method: str = "GET") -> dict[str, Any]:
        return await asyncio.to_thread(self.vtn.ask, path, body, method)

    async def create(self) -> None:
        """A new event, in a time of its own."""
        start = self.origin + self.made * 2 * LENGTH
        self.made += 1
        value = self.chance.randrange(1, 100) / 100
        body = {"type": "load_control", "value": value, "duration_s": 300, "start": iso(start)}
        await self.order("/events", body, "POST", lambda shown: shown["start"] == iso(start))

    async def modify(self) -> None:
        """Another value."""
        if name := self.pick():
            body = {"value": self.chance.randrange(1, 100) / 100, "duration_s": 300}
            await self.order(f"/events/{name}", body, "PATCH", lambda shown: shown["event_id"] == name)

    async def cancel(self) -> None:
        """Called off."""
        if name := self.pick():
            path = f"/events/{name}/cancel"
            await self.order(path, None, "POST", lambda shown: shown["event_id"] == name)

    def pick(self) -> str | None:
        live = [name for name, event in self.ordered.items() if not event.cancelled]
        return self.chance.choice(live) if live else None

    async def order(
        self,
        path: str,
        body: dict[str, Any] | None,
        method: str,
        meant: Callable[[dict[str, Any]], bool],
    ) -> None:
        """An operator's order. Without an answer he looks whether it was taken: wholly or not at all."""
        before = {name: event.modification for name, event in self.ordered.items()}
        try:
            shown = [await self.ask(path, body, method)]
        except ControlError:
            # Dead, or so slow that nobody knows: what it has not committed by now, it never will.
            await self.kill_vtn()
            await self.raise_vtn()
            shown = [item for item in (await self.ask("/events"))["events"] if meant(item)]
        for item in shown:
            name, value = item["event_id"], item["signals"][0]["intervals"][0]["value"]
            known = before.get(name, -1)
            assert item["modification"] in (known, known + 1)
            if item["modification"] == known + 1:
                assert value == (body or {}).get("value", value)
                start = datetime.fromisoformat(item["start"])
                cancelled = item["status"] == "cancelled"
                self.ordered[name] = Ordered(start, value, item["modification"], cancelled)

    async def kill_vtn(self) -> None:
        """kill -9, wherever it is."""
        async with self.one_hand:
            await asyncio.to_thread(self.vtn.kill)

    async def raise_vtn(self) -> None:
        """Have it running again."""
        async with self.one_hand:
            if not self.vtn.running:
                await asyncio.to_thread(self.vtn.start)

    async def weather(self) -> None:
        """FlexMeasures goes down, or comes up again."""
        up = self.flexmeasures.answer[0] == 200
        self.flexmeasures.answer = (503, {"message": "down"}) if up else (200, {"status": "PROCESSED"})

    async def heard(self) -> None:
        """Wait until the VEN has polled again: only one that is at work is worth a kill."""
        seen = await self.last_poll()
        await until(lambda: self.polled_after(seen))

    async def last_poll(self) -> str:
        return str((await self.ask("/vens"))["vens"][0]["last_poll"])

    async def polled_after(self, seen: str) -> bool:
        return await self.last_poll() != seen

    def expected(self) -> dict[datetime, float]:
        """What sensor 86 must show: written anew, apart from the code under test."""
        return {
            event.start + number * MINUTE: 100.0 if event.cancelled else round(100 * event.value, 6)
            for event in self.ordered.values()
            for number in range(5)
        }

    async def settled(self) -> bool:
        """Every slot shown, every newest modification answered."""
        shown = self.flexmeasures.latest(86)
        if any(shown.get(slot) != value for slot, value in self.expected().items()):
            return False
        found = {item["event_id"]: item for item in (await self.ask("/events?limit=1000"))["events"]}
        return all(
            found[name]["modification"] == event.modification
            and [opt["opt"] for opt in found[name]["opts"]] == ["optIn"]
            for name, event in self.ordered.items()
        )


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait until ``check`` is true; TimeoutError when it never is."""
    async with asyncio.timeout(SETTLE_S):
        while True:
            if await check():
                return
            await asyncio.sleep(0.05)


@pytest.fixture
async def world(tmp_path: Path, database: DatabaseSettings) -> AsyncIterator[World]:
    """Both services running, with prices of the program and no other event."""
    program = raw_program(load_control=None, demand_response=None)
    # 0: VENs poll as they are configured, which is often.
    vtn = VtnProcess(tmp_path / "vtn", database, {"program": program, "poll_interval_s": 0})
    flexmeasures = FlexMeasuresHttpDouble()
    runner, port = await start_site(flexmeasures.app, Listen("127.0.0.1", 0))
    async with AsyncExitStack() as cleanup:
        cleanup.push_async_callback(runner.cleanup)
        cleanup.callback(vtn.kill)
        await asyncio.to_thread(vtn.start)
        directory = tmp_path / "ven"
        directory.mkdir()
        ven = VenProcess(directory, vtn.openadr_port, port)
        ven.write_config()
        cleanup.push_async_callback(ven.clear)
        await ven.start()
        origin = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=1)
        yield World(random.Random(20261126), vtn, ven, flexmeasures, origin)


async def test_both_killed_at_random__effects_as_the_model_says(world: World) -> None:
    """Nothing lost, nothing doubled, no phantom control, nobody registers anew because the VTN died."""
    chance = world.chance
    actions = [world.create, world.modify, world.modify, world.cancel, world.weather]
    kills = {
        step: "vtn" if number % 2 else "ven"
        for number, step in enumerate(chance.sample(range(STEPS), 2 * KILLS))
    }
    await until(lambda: world.polled_after("None"))
    for step in range(STEPS):
        action, victim = chance.choice(actions), kills.get(step)
        if victim == "vtn":
            order = asyncio.create_task(world.create())
            await asyncio.sleep(chance.random() * 0.05)
            await world.kill_vtn()
            await order
            await world.raise_vtn()
        elif victim == "ven":
            await world.heard()
            await action()
            await asyncio.sleep(chance.random() * 0.1)
            assert await world.ven.end(signal.SIGKILL) == -signal.SIGKILL
            await world.ven.start()
            await world.heard()
        else:
            await action()
    world.flexmeasures.answer = (200, {"status": "PROCESSED"})
    await until(world.settled)
    assert await world.ven.end(signal.SIGTERM) == 0
    assert await asyncio.to_thread(world.vtn.stop) == 0
    expected = world.expected()
    assert len(expected) > 5 * 20
    for slot, value in world.flexmeasures.latest(86).items():
        assert expected.get(slot) == value, "phantom control"
    assert list(world.flexmeasures.latest(84).values()) == PRICES
    entries = Outbox(open_ven_database(world.ven.directory / "ven.sqlite3")).entries(limit=100_000)
    assert {entry.state for entry in entries} == {"sent"}
    planned = {
        (entry.post.sensor_id, item.start, entry.post.belief_time): item.value
        for entry in entries
        for item in entry.post.values
    }
    assert world.flexmeasures.beliefs == planned, "a post was doubled under another belief, or never made"
