"""A state machine that kills the VEN's steps at random SQL statements and compares effects with a model.

Every step runs in a process of its own on the VEN's real database file; a kill is SIGKILL in the middle of a
step: between reading and committing, between FlexMeasures' taking a post and our noting it, between the VTN's
hearing an answer and our noting it. The model knows what each sensor must show, slot by slot.
"""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from cariflex_openadr.domain.model import Event, Interval, Signal, SignalKind
from cariflex_openadr.inbox import Inbox
from cariflex_openadr.metrics import VenMetrics
from cariflex_openadr.poster import OutboxSender
from cariflex_openadr.storage.outbox import Outbox
from cariflex_openadr.storage.ven_database import open_ven_database
from support import NOON, VEN_ID, TurnableClock
from support.survivors import Survivors, in_a_process
from support.ven import POSTER, SENSORS
from support.ven_bench import distribution_text, read
from support.wire import to_wire

pytestmark = pytest.mark.processes

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SENSOR_OF = {kind: sensor.sensor_id for kind, sensor in SENSORS.items()}
SHARED_MEMORY = Path("/dev") / "shm"
NEUTRAL = {86: 100.0, 87: 0.0}
Watch = Callable[[sqlite3.Connection], sqlite3.Connection]
Slots = dict[tuple[int, datetime], float]
KILLS = st.sampled_from([0, 0, *range(4, 40)])


def slots_of(event: Event) -> Slots:
    """What an event asks of its sensor: written anew, apart from the code under test."""
    (signal,) = event.signals
    sensor = SENSORS[signal.kind]
    factor = {86: 100.0, 87: 1 / 3, 84: 1.0}[sensor.sensor_id]
    slots: Slots = {}
    for interval in signal.intervals:
        steps = interval.duration // sensor.resolution
        for step in range(steps):
            slots[sensor.sensor_id, interval.start + step * sensor.resolution] = round(
                factor * interval.value, 9
            )
    return slots


class VenMachine(RuleBasedStateMachine):
    """The VTN offers, modifies, cancels and drops events; the VEN takes, answers and posts, and is killed."""

    def __init__(self) -> None:
        super().__init__()
        # In memory where that is possible: a commit then costs no wait for a disk.
        self.directory = tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None)
        self.path = Path(self.directory.name) / "ven.sqlite3"
        self.clock = TurnableClock()
        self.survivors = Survivors(Path(self.directory.name) / "others.sqlite3")
        self.made = 0
        self.offered: dict[str, Event] = {}
        self.taken: dict[str, Event] = {}
        self.expected: Slots = {}
        self.owed: set[tuple[str, int]] = set()
        open_ven_database(self.path).close()

    def teardown(self) -> None:
        self.settle()
        self.directory.cleanup()

    # The VTN

    @rule(kinds=st.lists(st.sampled_from(list(SignalKind)), min_size=1, max_size=3), level=st.integers(0, 3))
    def offer(self, kinds: list[SignalKind], level: int) -> None:
        """New events, each in a time that no other event shares."""
        for kind in kinds:
            start = NOON.replace(minute=0, second=0) + (4 * self.made - 1) * HOUR
            name = f"event-{self.made}"
            self.made += 1
            signal = self._signal(kind, start, 2, level)
            context = f"http://test/{name}"
            self.offered[name] = Event(name, 0, self.clock(), context, (signal,))

    @staticmethod
    def _signal(kind: SignalKind, start: datetime, hours: int, level: int) -> Signal:
        value = {SignalKind.PRICE: 50.0 + level, SignalKind.LOAD_CONTROL: level / 4}.get(kind, level)
        return Signal(kind, (Interval(start, hours * HOUR, value),))

    @precondition(lambda self: self.offered)
    @rule(pick=st.integers(0), level=st.integers(0, 3), hours=st.integers(1, 3))
    def modify(self, pick: int, level: int, hours: int) -> None:
        """Another value, another length."""
        event = self._pick(pick)
        if not event.cancelled:
            signal = event.signals[0]
            changed = self._signal(signal.kind, event.start, hours, level)
            self._put(replace(event, signals=(changed,)))

    @precondition(lambda self: self.offered)
    @rule(pick=st.integers(0))
    def cancel(self, pick: int) -> None:
        """Cancelled by a new modification."""
        self._put(replace(self._pick(pick), cancelled=True))

    @precondition(lambda self: self.offered)
    @rule(pick=st.integers(0))
    def drop(self, pick: int) -> None:
        """No longer listed: cancelled without a word."""
        del self.offered[self._pick(pick).event_id]

    def _pick(self, pick: int) -> Event:
        return list(self.offered.values())[pick % len(self.offered)]

    def _put(self, event: Event) -> None:
        self.offered[event.event_id] = replace(
            event, modification=event.modification + 1, created_at=self.clock()
        )

    # The world

    @rule(seconds=st.sampled_from([0, 1, 59, 600, 3600, 4 * 3600]))
    def wait(self, seconds: int) -> None:
        """Time goes on."""
        self.clock.forward(seconds=seconds)

    @rule(down=st.booleans())
    def flexmeasures(self, down: bool) -> None:
        """FlexMeasures goes down, or comes up again."""
        self.survivors.down = down

    # The VEN

    @rule(level=st.integers(0, 3), hours=st.integers(1, 3), kill_at=KILLS)
    def modify_all_and_deliver(self, level: int, hours: int, kill_at: int) -> None:
        """News about every event in one distribution: half of it would show."""
        for pick in range(len(self.offered)):
            self.modify(pick, level, hours)
        self.deliver(kill_at)

    @rule(kill_at=KILLS)
    def deliver(self, kill_at: int) -> None:
        """A distribution arrives. Killed or not: all of it is taken, or nothing."""
        events = [to_wire(event, VEN_ID, self.clock()) for event in self.offered.values()]
        text = distribution_text(events)

        def take(watch: Watch) -> None:
            self._inbox(watch).take(read(text))

        before = self._known()
        ended = in_a_process(take, kill_at)
        after = {event.event_id: event.modification for event in self.offered.values()}
        committed = {key: value for key, value in self._known().items() if key in after} == after
        dropped = [event_id for event_id in self.taken if event_id not in self.offered]
        if ended:
            assert committed, "an event was lost"
        if committed and (
            after != {key: before.get(key) for key in after} or ended or self._dropped(dropped)
        ):
            self._model_take()
        else:
            assert self._known() == before, "half of a distribution was taken"

    def _known(self) -> dict[str, int]:
        """Newest modification of what the VEN holds to be on offer."""
        connection = open_ven_database(self.path)
        records = Inbox(connection, SENSORS, POSTER, self.clock).events.newest_of_all()
        connection.close()
        return {record.event_id: record.modification for record in records if not record.dropped}

    def _dropped(self, event_ids: list[str]) -> bool:
        return bool(event_ids) and not set(event_ids) & set(self._known())

    def _model_take(self) -> None:
        now = self.clock()
        for event_id, event in self.offered.items():
            known = self.taken.get(event_id)
            if known is None or known.modification != event.modification:
                self._model_change(known, event, now)
                self.owed.add((event_id, event.modification))
            self.taken[event_id] = event
        for event_id in [name for name in self.taken if name not in self.offered]:
            known = self.taken.pop(event_id)
            if not known.cancelled and known.end > now:
                self._model_change(known, replace(known, cancelled=True), now)

    def _model_change(self, known: Event | None, event: Event, now: datetime) -> None:
        wanted = {} if event.cancelled else slots_of(event)
        claimed = slots_of(event) | (slots_of(known) if known is not None else {})
        for sensor_id, slot in claimed:
            length = HOUR if sensor_id == 84 else MINUTE
            freed = (sensor_id, slot) not in wanted and slot + length > now
            if freed and sensor_id in NEUTRAL and (event.cancelled or known is not None):
                self.expected[sensor_id, slot] = NEUTRAL[sensor_id]
        self.expected |= wanted

    def _inbox(self, watch: Watch) -> Inbox:
        return Inbox(watch(open_ven_database(self.path)), SENSORS, POSTER, self.clock)

    @rule(kill_at=KILLS)
    def answer(self, kill_at: int) -> None:
        """Answers go out; the VTN may have heard one that was not noted."""

        def tell(watch: Watch) -> None:
            events = self._inbox(watch).events
            for record in events.unanswered():
                self.survivors.hear(record.event_id, record.modification, record.opt)
                events.answered(record.sequence, self.clock())

        in_a_process(tell, kill_at)

    @rule(kill_at=KILLS)
    def send(self, kill_at: int) -> None:
        """Posts go out; FlexMeasures may have taken one that was not noted."""

        def post(watch: Watch) -> None:
            outbox = Outbox(watch(open_ven_database(self.path)), self.clock)
            sender = OutboxSender(outbox, self.survivors, VenMetrics(), self.clock)
            asyncio.run(_drain(sender))

        in_a_process(post, kill_at)

    def settle(self) -> None:
        """Everything works again: what the model expects is what FlexMeasures shows and the VTN knows."""
        self.survivors.down = False
        self.deliver(0)
        self.answer(0)
        self.clock.forward(minutes=5)
        self.send(0)
        shown, beliefs = self.survivors.shown(), self.survivors.beliefs()
        assert {key: round(value, 9) for key, value in shown.items()} == self.expected
        connection = open_ven_database(self.path)
        entries = Outbox(connection, self.clock).entries(limit=100_000)
        connection.close()
        assert {entry.state for entry in entries} <= {"sent"}
        planned = {
            (entry.post.sensor_id, item.start, entry.post.belief_time, item.value)
            for entry in entries
            for item in entry.post.values
        }
        assert beliefs == planned, "a post was doubled under another belief, or never made"
        answers = self.survivors.answers()
        newest = {(event.event_id, event.modification) for event in self.offered.values()}
        assert newest <= set(answers), "an answer was lost"
        assert set(answers) <= self.owed, "an answer was given that nobody asked for"
        assert all(opts == {"optIn"} for opts in answers.values())


async def _drain(sender: OutboxSender) -> None:
    while await sender.send_next():
        pass


TestVenMachine = VenMachine.TestCase
TestVenMachine.settings = settings(
    max_examples=12,
    stateful_step_count=40,
    deadline=None,
    # A failure shows its own steps; making them fewer would take minutes.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
