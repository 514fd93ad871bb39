"""Takes distributions into the VEN's database: what is answered, posted and promised, in one commit.

Nothing is sent from here. Answers, posts and S2 instructions follow from what was committed, and after a kill
from the same rows again: an event is never lost, and never followed twice.
"""

import logging
import math
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cariflex_openadr.domain.expansion import EPOCH, values_to_post
from cariflex_openadr.domain.model import Event, SensorValue, Signal, SignalKind
from cariflex_openadr.domain.units import to_sensor_unit
from cariflex_openadr.messages.offers import OK, OUT_OF_SEQUENCE, Distribution, Offer
from cariflex_openadr.metrics import VenMetrics
from cariflex_openadr.settings.ven import SensorRef
from cariflex_openadr.storage.intents import ACTIVE, CANCELLED, Intent, IntentInterval, Intents
from cariflex_openadr.storage.outbox import Outbox, Post
from cariflex_openadr.storage.ven_database import transaction
from cariflex_openadr.storage.ven_events import OPT_IN, OPT_OUT, EventRecord, VenEvents
from cariflex_service.runtime import Clock, utc_now

LOGGER = logging.getLogger(__name__)
ONE_SECOND = timedelta(seconds=1)
KEEP_ENDED = timedelta(days=2)
# The S2 service puts in some values every few seconds.
KEEP_SENT = timedelta(days=1)
# Kinds that S2 acts on; an event with both is followed by the more exact one.
CONTROL_KINDS = (SignalKind.LOAD_CONTROL, SignalKind.DEMAND_RESPONSE)


Values = tuple[SensorValue, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to one modification of an event, as oadrCreatedEvent carries it."""

    request_id: str
    event_id: str
    modification: int
    opt: str
    code: int
    reason: str


def _never_opted_out(_: Event) -> str:
    return ""


class Inbox:
    """Decides and commits. ``poster`` is the FlexMeasures user to post as.

    ``opted_out`` tells why a control event falls into a time that the VEN's operator has opted out of, or "".
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        sensors: Mapping[SignalKind, SensorRef],
        poster: str,
        clock: Clock = utc_now,
        opted_out: Callable[[Event], str] = _never_opted_out,
        metrics: VenMetrics | None = None,
    ) -> None:
        self._connection, self._sensors, self._poster = connection, sensors, poster
        self._clock, self._opted_out = clock, opted_out
        self.events, self.outbox = VenEvents(connection), Outbox(connection, clock)
        self.intents = Intents(connection, clock)
        self.metrics = metrics or VenMetrics()

    def take(self, distribution: Distribution) -> list[Answer]:
        """Commit a whole distribution. What it wants answered stands in ``events.unanswered()`` after that.

        Returns:
            Answers to modifications that are history already; they are not kept.
        """
        stale: list[Answer] = []
        with transaction(self._connection):
            for offer in _newest_only(distribution.offers):
                known = self.events.newest(distribution.vtn_id, offer.event_id)
                if known is None or _is_news(offer, known):
                    self._take(distribution, offer, known)
                elif offer.response_required and offer.modification < known.modification:
                    stale.append(_stale(distribution, offer, known))
                elif offer.response_required:
                    self.events.ask_for_answer(known.sequence, distribution.request_id)
            if distribution.nameless:
                LOGGER.warning("events without identity", extra={"events": distribution.nameless})
            else:
                self._drop_missing(distribution.vtn_id, distribution.event_ids)
                self.events.forget_answers(distribution.vtn_id, distribution.event_ids)
        return stale

    def set_opt(self, known: EventRecord, opt: str, reason: str) -> None:
        """The operator's own answer to the newest modification of an event; its values follow."""
        with transaction(self._connection):
            record = replace(
                known,
                change=self.events.next_change(known.event_id, known.modification),
                received_at=self._clock(),
                opt=opt,
                code=OK,
                reason=reason,
                answer_due=False,
            )
            LOGGER.info("event opted", extra=_log_fields(record) | {"opt": opt, "reason": reason})
            self._follow(record, known, record.received_at)

    def drop_all(self, vtn_id: str) -> None:
        """The registration has ended: nothing that was on offer holds any longer."""
        with transaction(self._connection):
            self._drop_missing(vtn_id, frozenset())
            self.events.forget_answers(vtn_id, frozenset())

    def forget(self) -> None:
        """Drop what is done with, so that the database does not grow; a post that was not sent stays."""
        now = self._clock()
        self.events.drop_ended_before(now - KEEP_ENDED)
        self.intents.drop_ended_before(now - KEEP_ENDED)
        self.outbox.drop_sent_before(now - KEEP_SENT)

    def _take(self, distribution: Distribution, offer: Offer, known: EventRecord | None) -> None:
        now = self._clock()
        event = offer.event
        if offer.cancelled and event is None and known is not None and known.event is not None:
            # A cancellation counts even when its values cannot be read: those of before are taken back.
            event = replace(known.event, cancelled=True, modification=offer.modification)
        reason = offer.problem or self._refusal(event)
        refused = bool(reason) and not offer.cancelled
        record = EventRecord(
            vtn_id=distribution.vtn_id,
            event_id=offer.event_id,
            modification=offer.modification,
            change=self.events.next_change(offer.event_id, offer.modification),
            created_at=offer.created_at,
            belief_time=None,
            received_at=now,
            event=event,
            opt=OPT_OUT if refused else OPT_IN,
            code=offer.code if refused else OK,
            reason=reason,
            request_id=distribution.request_id,
            answer_due=offer.response_required,
        )
        self._follow(record, known, offer.created_at or now)
        level = logging.WARNING if refused else logging.INFO
        LOGGER.log(level, "event taken", extra=_log_fields(record) | {"opt": record.opt, "reason": reason})
        self.metrics.events.labels(record.opt, record.code).inc()

    def _refusal(self, event: Event | None) -> str:
        """A price is news and no demand: only control events can fall into a time that is opted out of."""
        if event is None or event.cancelled or not _controls(event):
            return ""
        return self._opted_out(event)

    def _drop_missing(self, vtn_id: str, offered: frozenset[str]) -> None:
        """Implied cancellation: a distribution lists every live event, so one that is missing is off."""
        now = self._clock()
        for known in self.events.newest_of_all():
            event = known.event
            if known.vtn_id != vtn_id or known.event_id in offered or known.dropped:
                continue
            if event is None or event.cancelled or event.end <= now:
                continue
            record = replace(
                known,
                change=self.events.next_change(known.event_id, known.modification),
                received_at=now,
                dropped=True,
                reason="no longer offered",
                answer_due=False,
                responded_at=None,
            )
            LOGGER.info("event dropped", extra=_log_fields(record) | {"reason": record.reason})
            self._follow(record, known, now)

    def _follow(self, record: EventRecord, known: EventRecord | None, believed_at: datetime) -> None:
        """Keep the record, with the posts and the promise that follow from it."""
        before = known.followed if known is not None else None
        runs = self._runs(record, before)
        belief = self._belief_time(record.event_id, runs, believed_at)
        self.events.add(replace(record, belief_time=belief if runs else None))
        for sensor, values in runs:
            self.outbox.put(
                Post(
                    sensor_id=sensor.sensor_id,
                    event_id=record.event_id,
                    modification=record.modification,
                    unit=sensor.unit,
                    resolution=sensor.resolution,
                    values=values,
                    belief_time=belief,
                    poster=self._poster,
                    change=record.change,
                )
            )
        self._promise(record)

    def _runs(self, record: EventRecord, before: Event | None) -> list[tuple[SensorRef, Values]]:
        """What the record puts on which sensor; values that no longer hold are taken back."""
        event = record.followed
        if event is None and before is not None:
            event, before = replace(before, cancelled=True), None
        if event is None:
            return []
        live = [other.followed for other in self.events.newest_of_all() if other.event_id != record.event_id]
        runs: list[tuple[SensorRef, Values]] = []
        for kind in sorted({signal.kind for item in (event, before) if item for signal in item.signals}):
            sensor = self._sensors[kind]
            found = values_to_post(
                event,
                kind,
                sensor.resolution,
                previous=before,
                others=[other for other in live if other is not None],
                now=record.received_at,
            )
            runs += [(sensor, run.values) for run in found]
        return runs

    def _belief_time(
        self, event_id: str, runs: list[tuple[SensorRef, Values]], believed_at: datetime
    ) -> datetime:
        """``believed_at`` in whole seconds, raised until it is later than all that the event posted
        before, and no other event holds it for one of its slots: FlexMeasures takes one value a second.
        """
        belief = believed_at.replace(microsecond=0)
        newest = self.outbox.newest_belief(event_id)
        if newest is not None:
            belief = max(belief, newest + ONE_SECOND)
        while any(
            self.outbox.is_believed(
                sensor.sensor_id, values[0].start, values[-1].start + sensor.resolution, belief
            )
            for sensor, values in runs
        ):
            belief += ONE_SECOND
        return belief

    def _promise(self, record: EventRecord) -> None:
        """What S2 is to do: the event's newest modification if opted in to, else nothing any longer."""
        event = record.event
        signals = _controls(event) if event is not None else []
        if event is None or record.opt != OPT_IN or record.dropped or not signals:
            self.intents.cancel(record.vtn_id, record.event_id)
            return
        signal = signals[0]
        intervals = tuple(
            IntentInterval(item.start, item.end, _payload(signal, item.value)) for item in signal.intervals
        )
        self.intents.put(
            Intent(
                vtn_id=record.vtn_id,
                event_id=record.event_id,
                modification=record.modification,
                kind=signal.kind.value,
                signal_type=signal.type_name,
                priority=event.priority,
                status=CANCELLED if event.cancelled else ACTIVE,
                start=signal.intervals[0].start,
                end=signal.intervals[-1].end,
                intervals=intervals,
                targets=event.resource_ids,
                test=event.test,
            )
        )


def _controls(event: Event) -> list[Signal]:
    """Control signals, the more exact kind first."""
    return [signal for kind in CONTROL_KINDS for signal in event.signals if signal.kind is kind]


def _payload(signal: Signal, value: float) -> float:
    if signal.kind is SignalKind.DEMAND_RESPONSE:
        return to_sensor_unit(signal.kind, value)
    return value


def _log_fields(record: EventRecord) -> dict[str, object]:
    return {
        "vtn_id": record.vtn_id,
        "event_id": record.event_id,
        "modification": record.modification,
        "change": record.change,
    }


def _newest_only(offers: Iterable[Offer]) -> list[Offer]:
    """A VTN may list one event twice: its newest modification counts.

    In the order of belief: where events share slots the one made later holds, in one second the more urgent.
    """
    newest: dict[str, Offer] = {}
    for offer in sorted(offers, key=lambda item: (item.modification, item.created_at or EPOCH)):
        newest[offer.event_id] = offer
    return sorted(newest.values(), key=lambda item: (item.created_at or EPOCH, _urgency(item)))


def _urgency(offer: Offer) -> float:
    """Priority 1 is the highest, 0 the lowest of all."""
    priority = offer.event.priority if offer.event is not None else 0
    return -(priority or math.inf)


def _stale(distribution: Distribution, offer: Offer, known: EventRecord) -> Answer:
    reason = (
        f"event {offer.event_id}: modification {offer.modification}; expected {known.modification} or later"
    )
    LOGGER.warning("event out of sequence", extra={"event_id": offer.event_id, "reason": reason})
    return Answer(
        distribution.request_id, offer.event_id, offer.modification, OPT_OUT, OUT_OF_SEQUENCE, reason
    )


def _is_news(offer: Offer, known: EventRecord) -> bool:
    """A later modification; or a cancellation; or an event offered again after it was dropped.

    A VTN that has lost its memory counts from 0 again: what it created later and differs is news as well.
    """
    if offer.modification > known.modification or known.dropped:
        return True
    if offer.created_at is None or known.created_at is None:
        return False
    if offer.modification < known.modification:
        return offer.created_at > known.created_at
    if offer.cancelled and known.event is not None and not known.event.cancelled:
        return True
    return offer.created_at > known.created_at and _differs(offer, known)


def _differs(offer: Offer, known: EventRecord) -> bool:
    if offer.event is None or known.event is None:
        return (offer.event is None) != (known.event is None)
    return replace(offer.event, created_at=known.event.created_at) != known.event
