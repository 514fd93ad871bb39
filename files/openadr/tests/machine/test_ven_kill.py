"""The real VEN as a process, killed with SIGKILL at any moment while the VTN and FlexMeasures misbehave."""

import asyncio
import random
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.settings import Listen
from cariflex_openadr.storage.outbox import Outbox
from cariflex_openadr.storage.ven_database import open_ven_database
from cariflex_service.runtime import start_site
from support import VEN_ID, TurnableClock, eventually
from support.flexmeasures import FlexMeasuresHttpDouble
from support.offers import Offers
from support.scripted_vtn import ScriptedVtn, serving
from support.ven_bench import distribution_text
from support.ven_process import VenProcess
from support.wire import to_wire

pytestmark = pytest.mark.processes

STEPS, KILLS = 300, 6
MINUTE = timedelta(minutes=1)


@dataclass
class World:
    """The VTN's offers and both doubles; ``step`` changes one of them at random."""

    choose: random.Random
    offers: Offers
    vtn: ScriptedVtn
    flexmeasures: FlexMeasuresHttpDouble

    def text(self) -> bytes:
        clock = self.offers.clock
        return distribution_text(
            [to_wire(event, VEN_ID, clock()) for event in self.offers.distribution()]
        ).encode()

    def step(self) -> None:
        now = datetime.now(UTC)
        self.offers.clock.now = now
        what = self.choose.choice(
            ["offer", "modify", "modify", "cancel", "vtn", "answers", "flexmeasures", "heal"]
        )
        live = [name for name, event in self.offers.events.items() if not event.cancelled]
        if what == "offer" and len(self.offers.events) < 12:
            number = len(self.offers.events) + self.choose.randrange(1000) * 100
            start = now.replace(second=0, microsecond=0) + timedelta(days=1 + number % 3000, hours=2)
            kind = self.choose.choice([SignalKind.LOAD_CONTROL, SignalKind.DEMAND_RESPONSE])
            value = self.choose.randrange(4) if kind is SignalKind.DEMAND_RESPONSE else self.choose.random()
            self.offers.dispatch(kind, round(value, 2), self.choose.randrange(1, 9) * MINUTE, start)
        elif what == "modify" and live:
            self.offers.modify(self.choose.choice(live))
        elif what == "cancel" and live:
            self.offers.modify(self.choose.choice(live), cancelled=True)
        elif what == "vtn":
            self.vtn.replies["oadrPoll"] = 503
        elif what == "answers":
            self.vtn.replies["oadrCreatedEvent"] = 503
        elif what == "flexmeasures":
            self.flexmeasures.answer = (503, {"message": "down", "status": "X"})
        elif what == "heal":
            self.heal()
        # The newest list takes the place of one that was not fetched.
        self.vtn.polls[:] = [self.text()]

    async def hears_the_ven(self) -> None:
        """Wait for the VEN's next message."""
        seen = len(self.vtn.received)
        await eventually(lambda: len(self.vtn.received) > seen, 30)

    def heal(self) -> None:
        """Everybody works again."""
        self.vtn.replies.clear()
        self.flexmeasures.answer = (200, {"message": "ok", "status": "PROCESSED"})


def wanted(offers: Offers) -> dict[tuple[int, datetime], float]:
    """What the offers ask of each slot: written anew, apart from the code under test."""
    slots: dict[tuple[int, datetime], float] = {}
    for event in offers.events.values():
        (signal_,) = event.signals
        load = signal_.kind is SignalKind.LOAD_CONTROL
        for interval in signal_.intervals:
            for minute in range(interval.duration // MINUTE):
                value = (100 if load else 0) if event.cancelled else interval.value * (100 if load else 1 / 3)
                slots[86 if load else 87, interval.start + minute * MINUTE] = round(value, 6)
    return slots


async def test_ven_killed_again_and_again__nothing_lost_nothing_doubled(tmp_path: Path) -> None:
    """Hundreds of messages through kills, lost replies and a FlexMeasures that comes and goes."""
    flexmeasures = FlexMeasuresHttpDouble()
    runner, port = await start_site(flexmeasures.app, Listen("127.0.0.1", 0))
    async with serving(ScriptedVtn()) as vtn, AsyncExitStack() as cleanup:
        world = World(random.Random(84), Offers(TurnableClock(datetime.now(UTC))), vtn, flexmeasures)
        vtn.events = world.text
        ven = VenProcess(tmp_path, vtn.port, port)
        ven.write_config()
        cleanup.push_async_callback(ven.clear)
        await ven.start()
        kills = sorted(world.choose.sample(range(STEPS), KILLS))
        for step in range(STEPS):
            world.step()
            # Only a VEN that is at work is worth a kill.
            await world.hears_the_ven()
            if step in kills:
                await asyncio.sleep(world.choose.random() * 0.05)
                assert await ven.end(signal.SIGKILL) == -signal.SIGKILL
                await ven.start()
        world.heal()
        expected = wanted(world.offers)
        newest = {(event.event_id, event.modification) for event in world.offers.events.values()}

        def settled() -> bool:
            shown = {
                (sensor, slot): round(value, 6)
                for sensor in (86, 87)
                for slot, value in flexmeasures.latest(sensor).items()
            }
            answered = {
                (event_id, modification) for event_id, modification, opt in vtn.answers() if opt == "optIn"
            }
            return newest <= answered and expected.items() <= shown.items()

        vtn.polls.append(world.text())
        await eventually(settled, 60)
        assert await ven.end(signal.SIGTERM) == 0
    await runner.cleanup()
    neutral = {86: 100.0, 87: 0.0}
    for sensor in (86, 87):
        for slot, value in flexmeasures.latest(sensor).items():
            assert (sensor, slot) in expected or value == neutral[sensor], "phantom control"
    entries = Outbox(open_ven_database(tmp_path / "ven.sqlite3")).entries(limit=100_000)
    assert {entry.state for entry in entries} == {"sent"}
    planned = {
        (entry.post.sensor_id, item.start, entry.post.belief_time): item.value
        for entry in entries
        for item in entry.post.values
    }
    assert flexmeasures.beliefs == planned, "a post was doubled under another belief, or never made"
