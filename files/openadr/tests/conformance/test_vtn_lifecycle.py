"""Event lifecycles against a model: whatever happens, nobody loses an event or gets one twice as new."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from cariflex_openadr.control import ControlError
from cariflex_openadr.settings.vtn import DatabaseSettings
from support.postgres import Cluster, running_cluster
from support.processes import VtnProcess
from support.simulated_ven import Events, SimulatedVen, until

pytestmark = pytest.mark.processes

STEPS, KILLS = 240, 8
MINUTE = timedelta(minutes=1)


@pytest.fixture
def mortal() -> Iterator[Cluster]:
    """A PostgreSQL server that may be killed."""
    with running_cluster(fsync=True) as server:
        yield server


@dataclass
class Model:
    """What must hold: the newest modification of each event, and what the VEN has answered."""

    newest: dict[str, int] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    answered: set[tuple[str, int]] = field(default_factory=set)
    first_seen: Events = field(default_factory=dict)

    def offered(self) -> set[tuple[str, int]]:
        """What a distribution must list."""
        keys = set(self.newest.items())
        return {key for key in keys if key[0] not in self.cancelled or key not in self.answered}

    def check(self, found: Events) -> None:
        """A poll brings everything while something is unanswered, else nothing; never another text."""
        expected = self.offered() if self.offered() - self.answered else set()
        assert set(found) == expected
        for key, text in found.items():
            assert self.first_seen.setdefault(key, text) == text


@dataclass
class Machine:
    """A VTN, its database, a VEN and an operator, driven by chance."""

    chance: Random
    cluster: Cluster
    vtn: VtnProcess
    ven: SimulatedVen
    model: Model = field(default_factory=Model)

    def create(self) -> None:
        body = {"type": "load_control", "value": 0.5, "duration_s": 3600, "replace": True}
        event = self.vtn.ask("/events", body, "POST")
        for known, modification in list(self.model.newest.items()):
            if known.startswith("load-control-") and "T" in known and known not in self.model.cancelled:
                self.model.newest[known] = modification + 1
                self.model.cancelled.add(known)
        self.model.newest[event["event_id"]] = 0

    def modify(self) -> None:
        name = self.chance.choice([name for name in self.model.newest if name not in self.model.cancelled])
        changed = self.vtn.ask(f"/events/{name}", {"priority": self.chance.randrange(5)}, "PATCH")
        self.model.newest[name] += 1
        assert changed["modification"] == self.model.newest[name]

    def cancel(self) -> None:
        ours = [name for name in self.model.newest if "T" in name and name not in self.model.cancelled]
        if ours:
            name = self.chance.choice(ours)
            assert self.vtn.ask(f"/events/{name}/cancel", method="POST")["status"] == "cancelled"
            self.model.newest[name] += 1
            self.model.cancelled.add(name)

    def poll(self) -> None:
        self.model.check(self.ven.poll_events())

    def answer(self) -> None:
        found = self.ven.poll_events()
        self.model.check(found)
        some = {key: text for key, text in found.items() if self.chance.random() < 0.7}
        self.ven.answer(some, self.chance.choice(["optIn", "optOut"]))
        self.model.answered |= some.keys()

    def kill_vtn(self) -> None:
        self.vtn.kill()
        self.vtn.start()

    def kill_vtn_while_it_answers(self) -> None:
        found = self.ven.poll_events()
        self.model.check(found)
        kept = self.ven.answer_while(found, self.vtn.kill)
        self.vtn.start()
        # One message is one transaction: all of its answers are kept, or, unacknowledged, perhaps none.
        again = self.ven.poll_events()
        if kept or not again:
            self.model.answered |= found.keys()
        self.model.check(again)

    def kill_vtn_while_it_creates(self) -> None:
        self.vtn.kill()
        with pytest.raises(ControlError):
            self.create()
        self.vtn.start()

    def kill_database(self) -> None:
        self.cluster.kill()
        until(lambda: self.ven.poll_status() == 503)
        self.cluster.start()
        until(lambda: self.ven.poll_status() == 200)
        self.vtn.wait_healthy()


def test_lifecycle__hundreds_of_random_steps_with_kills__as_the_model_says(
    mortal: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Creating, modifying, cancelling, polling, answering; kill -9 of VTN and PostgreSQL in between."""
    database: DatabaseSettings = mortal.database()
    vtn = VtnProcess(tmp_path_factory.mktemp("vtn"), database)
    vtn.start()
    try:
        ven = SimulatedVen(vtn.url)
        ven.register()
        machine = Machine(Random(20261123), mortal, vtn, ven)
        machine.model.newest = {event["event_id"]: 0 for event in vtn.ask("/events")["events"]}
        kills = (
            machine.kill_vtn,
            machine.kill_vtn_while_it_answers,
            machine.kill_vtn_while_it_creates,
            machine.kill_database,
        )
        steps = [machine.create, machine.modify, machine.modify, machine.cancel, machine.poll, machine.answer]
        plan = [machine.chance.choice(steps) for _ in range(STEPS)]
        for number in range(KILLS):
            plan.insert(machine.chance.randrange(len(plan)), kills[number % len(kills)])
        for step in plan:
            step()
        machine.poll()
        assert ven.reregistrations == 0
    finally:
        vtn.kill()
