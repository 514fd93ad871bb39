"""The CEM's use case: keep every connected device at what schedule and signals ask of it."""

import asyncio
import heapq
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from s2python.frbc import FRBCInstruction

from cariflex_s2.api.session import Phase, Session, SessionEndedError
from cariflex_s2.domain.identity import instruction_id, is_same_setpoint
from cariflex_s2.domain.model import Cause, Decision, Setting, Signal
from cariflex_s2.domain.plan import active_signals, decide, next_change
from cariflex_s2.domain.schedule import Schedule, base_at
from cariflex_s2.messages import outbound
from cariflex_s2.metrics import Metrics
from cariflex_s2.resource import Resource
from cariflex_s2.storage.ledger import Instruction, Ledger

LOGGER = logging.getLogger(__name__)
LONGEST_WAIT_S = 1.0
# Instructions between two turns of the event loop: other sessions are heard in between.
BATCH = 100
BASE_CAUSES = frozenset({"schedule", "baseline"})
KEEP = timedelta(days=7)
FACTOR_TOLERANCE = 0.01


def _leave(session: Session, reason: str) -> None:
    """Nothing to close: the session has no connection."""


@dataclass(slots=True)
class Controller:
    """Decides and instructs. ``sessions`` is the server's own table, ``drop`` closes a session."""

    resources: dict[str, Resource]
    ledger: Ledger
    metrics: Metrics
    clock: Callable[[], datetime]
    sessions: dict[str, Session] = field(default_factory=dict)
    drop: Callable[[Session, str], None] = _leave
    signals: dict[tuple[str, str], Signal] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    freed: set[str] = field(default_factory=set)
    _given: dict[str, Instruction] = field(default_factory=dict)
    _sent: dict[str, tuple[Session, str]] = field(default_factory=dict)
    _marks: list[tuple[str, str, str]] = field(default_factory=list)
    _due: list[tuple[datetime, str]] = field(default_factory=list)
    _due_at: dict[str, datetime] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._given = self.ledger.newest()
        self.schedules = self.ledger.schedules()

    def device_changed(self, session: Session) -> None:
        """A device told something new: look at it."""
        self.look_at([session.resource.resource_id])

    def instruction_answered(self, session: Session, instruction_id: str, status: str, reason: str) -> None:
        """Keep what became of an instruction."""
        self._marks.append((status, reason, instruction_id))
        self.metrics.answers.labels(status=status).inc()
        if status in ("REFUSED", "REJECTED", "ABORTED"):
            fields = {"resource_id": session.resource.resource_id, "instruction_id": instruction_id}
            LOGGER.warning("instruction not followed", extra={**fields, "status": status, "reason": reason})

    def change_signals(self, changes: Iterable[tuple[tuple[str, str], Signal | None]]) -> None:
        """Take new, changed and (None) ended signals by (VTN, event)."""
        for key, signal in changes:
            previous = self.signals.pop(key, None)
            if signal is not None:
                self.signals[key] = signal
            for found in (previous, signal):
                if found is not None:
                    self.look_at(found.targets or self.resources)

    def set_schedule(self, resource_id: str, schedule: Schedule) -> None:
        """Use a schedule from now on, and keep it for a restart."""
        self.schedules[resource_id] = schedule
        self.ledger.keep_schedule(resource_id, schedule)
        self.look_at([resource_id])

    def look_at(self, resource_ids: Iterable[str]) -> None:
        """Decide anew about these resources as soon as possible."""
        self._changed.update(resource_ids)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._wait_s()):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self.turn()

    def _wait_s(self) -> float:
        if not self._due:
            return LONGEST_WAIT_S
        until_s = (self._due[0][0] - self.clock()).total_seconds()
        return min(LONGEST_WAIT_S, max(0.001, until_s))

    async def turn(self) -> int:
        """Look at all that is due; how many instructions were handed over."""
        started, sent = time.perf_counter(), 0
        now = self.clock()
        while self._due and self._due[0][0] <= now:
            moment, resource_id = heapq.heappop(self._due)
            if self._due_at.get(resource_id) == moment:
                del self._due_at[resource_id]
                self._changed.add(resource_id)
        chosen, self._changed = list(self._changed), set()
        for first in range(0, len(chosen), BATCH):
            sent += self._instruct(chosen[first : first + BATCH])
            await asyncio.sleep(0)
        self._tidy(now)
        if sent:
            self.metrics.fan_out.observe(time.perf_counter() - started)
        return sent

    def _tidy(self, now: datetime) -> None:
        if self._marks:
            marks, self._marks = self._marks, []
            self.ledger.mark(marks)
        ended = [key for key, signal in self.signals.items() if signal.intervals[-1].end <= now]
        for key in ended:
            del self.signals[key]
        for session in [found for found in self.sessions.values() if found.overdue()]:
            self.drop(session, "an instruction was not answered in time")

    def _instruct(self, resource_ids: list[str]) -> int:
        """Decide about a batch, keep what is new, then send it: a kill in between doubles nothing."""
        new: list[Instruction] = []
        outgoing: list[tuple[Session, Instruction]] = []
        devices: dict[str, str] = {}
        now = self.clock()
        for resource_id in resource_ids:
            session = self.sessions.get(resource_id)
            if session is None or session.phase is not Phase.CONTROL:
                continue
            device = session.device
            decision = self._decide(session, now)
            if device is None or decision is None or decision.setting is None:
                continue
            instruction, is_new = self._instruction(decision, decision.setting, now)
            if is_new:
                new.append(instruction)
            elif self._sent.get(resource_id) == (session, instruction.instruction_id):
                continue
            devices[resource_id] = device.actuator_id
            outgoing.append((session, instruction))
        if new:
            self.ledger.add(new)
        for session, instruction in outgoing:
            self._send(session, instruction, devices[instruction.resource_id], now)
        return len(outgoing)

    def _decide(self, session: Session, now: datetime) -> Decision | None:
        resource, device, state = session.resource, session.device, session.state
        schedule = self.schedules.get(resource.resource_id)
        base = base_at(schedule, resource.baseline_w, now)
        signals = self.signals.values()
        self._look_again(resource.resource_id, next_change(signals, resource.resource_id, base, now))
        if device is None or state is None:
            return None
        active = active_signals(signals, resource.resource_id, now)
        decision = decide(resource.resource_id, resource.limits_w, device, state, base, active, now)
        if decision.setting is None:
            fields = {"resource_id": resource.resource_id, "wanted_w": decision.wanted_w}
            LOGGER.warning("no operation mode fits", extra=fields)
        return decision

    def _look_again(self, resource_id: str, moment: datetime) -> None:
        if self._due_at.get(resource_id) != moment:
            self._due_at[resource_id] = moment
            heapq.heappush(self._due, (moment, resource_id))

    def _instruction(self, decision: Decision, setting: Setting, now: datetime) -> tuple[Instruction, bool]:
        """The instruction for a decision, and whether it is a new one."""
        resource = self.resources[decision.resource_id]
        last = self._given.get(decision.resource_id)
        cause = decision.cause
        if last is not None and _serves(last, cause, setting, resource.tolerance_w):
            return last, False
        prior = (
            last
            if last is not None and last.cause == cause
            else self.ledger.last_of(resource.resource_id, cause)
        )
        revision = 0 if prior is None else prior.revision + 1
        instruction = Instruction(
            instruction_id=str(instruction_id(resource.resource_id, cause, revision)),
            resource_id=resource.resource_id,
            cause=cause,
            revision=revision,
            mode_id=setting.mode_id,
            factor=setting.factor,
            power_w=setting.power_w,
            created_at=now,
        )
        if last is not None and last.cause.event not in BASE_CAUSES and cause.event in BASE_CAUSES:
            self.freed.add(resource.resource_id)
        self._given[resource.resource_id] = instruction
        return instruction, True

    def _send(self, session: Session, instruction: Instruction, actuator_id: str, now: datetime) -> None:
        resource_id = instruction.resource_id
        repeated = instruction.created_at != now
        try:
            session.instruct(_message(instruction, actuator_id, now))
        except SessionEndedError as error:
            self.drop(session, str(error))
            return
        self._sent[resource_id] = (session, instruction.instruction_id)
        if repeated:
            self.metrics.repeated.inc()
        else:
            event = instruction.cause.event
            self.metrics.instructions.labels(cause=event if event in BASE_CAUSES else "event").inc()
        fields = {
            "resource_id": resource_id,
            "event_id": instruction.cause.event,
            "revision": instruction.revision,
            "power_w": round(instruction.power_w, 1),
            "repeated": repeated,
        }
        LOGGER.info("instructed", extra=fields)

    def forget_old(self) -> None:
        """Drop instructions that nobody asks about any more."""
        self.ledger.drop_before(self.clock() - KEEP)


def _serves(last: Instruction, cause: Cause, setting: Setting, tolerance_w: float) -> bool:
    """Whether the last instruction still holds, for the same cause or from one base to the next."""
    same_cause = last.cause == cause or {last.cause.event, cause.event} <= BASE_CAUSES
    return (
        same_cause
        and last.mode_id == setting.mode_id
        and abs(last.factor - setting.factor) <= FACTOR_TOLERANCE
        and is_same_setpoint(last.power_w, setting.power_w, tolerance_w)
    )


def _message(instruction: Instruction, actuator_id: str, now: datetime) -> FRBCInstruction:
    return outbound.instruction(
        UUID(instruction.instruction_id), actuator_id, instruction.mode_id, instruction.factor, now
    )
