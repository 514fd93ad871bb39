"""The VTN's use cases: publish the program, take operators' events, modify, cancel."""

import logging
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cariflex_openadr.domain import program as programs
from cariflex_openadr.domain.model import Event, EventStatus, Interval, Signal, SignalKind
from cariflex_openadr.domain.rules import MINUTE, OverlapError, RuleError, check_event, ordered, overlapping
from cariflex_openadr.runtime import Clock, utc_now
from cariflex_openadr.storage.vtn import Opt, VtnStore

LOGGER = logging.getLogger(__name__)
KEEP_ENDED = timedelta(days=2)
DISPATCH_PRIORITY = 1
# Operators' events have contexts of their own: within one context events may not overlap.
DISPATCH_SUFFIX = "/dispatch"


class UnknownEventError(LookupError):
    """No event has this id."""


@dataclass(slots=True)
class Publisher:
    """Owns every change to the events on offer. Raises RuleError for what may not be offered."""

    program: programs.Program
    store: VtnStore
    clock: Clock = utc_now

    def publish_program(self) -> list[Event]:
        """Put today's events on offer that are not yet; returns the new ones. Idempotent."""
        now = self.clock()
        self.store.drop_ended_before(now - KEEP_ENDED)
        fresh = [
            event for event in programs.due_events(self.program, now) if not self.store.event(event.event_id)
        ]
        for event in fresh:
            self._insert(event)
        return fresh

    def dispatch(
        self,
        kind: SignalKind,
        value: float,
        duration: timedelta,
        start: datetime | None = None,
        *,
        replace_running: bool = False,
    ) -> Event:
        """Offer an operator's event; without ``start`` at the next full minute.

        ``replace_running`` cancels operators' events of the same kind that are in the way.
        """
        now = self.clock()
        if kind is SignalKind.PRICE:
            raise RuleError("type: price; expected load_control or simple")
        begin = start or now - timedelta(seconds=now.second, microseconds=now.microsecond) + MINUTE
        if begin + duration <= now:
            raise RuleError(f"event: ends {(begin + duration).isoformat()}; expected an end in the future")
        prefix = programs.ID_PREFIXES[kind]
        event = Event(
            event_id=f"{prefix}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
            modification=0,
            created_at=now,
            market_context=self.program.market_contexts[kind] + DISPATCH_SUFFIX,
            signals=(Signal(kind, (Interval(begin.astimezone(UTC), duration, value),)),),
            priority=DISPATCH_PRIORITY,
        )
        check_event(event)
        if replace_running:
            for other in overlapping(event, self.store.events()):
                self.cancel(other.event_id)
        self._insert(event)
        return event

    def republish_price(self) -> Event:
        """Today's prices once more, unchanged, as a new modification."""
        now = self.clock()
        today = programs.local_day(now, self.program.timezone)
        event = self._known(programs.event_id(SignalKind.PRICE, today))
        if event.cancelled:
            raise RuleError(f"event {event.event_id}: cancelled; expected a live event")
        return self._modify(event, cancelled=False)

    def cancel(self, event_id: str) -> Event:
        """Cancel an event: a new modification with status cancelled. Cancelling twice changes nothing."""
        event = self._known(event_id)
        if event.cancelled:
            return event
        if event.status_at(self.clock()) is EventStatus.COMPLETED:
            raise RuleError(f"event {event_id}: completed; expected one that has not ended")
        return self._modify(event, cancelled=True)

    def distribution(self, ven_id: str) -> list[Event]:
        """Events of a distribution, in order: all far or active ones, and cancellations not yet answered."""
        now = self.clock()
        return ordered((event for event in self.store.events() if self._belongs(event, ven_id, now)), now)

    def has_news(self, ven_id: str) -> bool:
        """True while the VEN has left a modification unanswered; polls redeliver until it has not."""
        return any(
            self.store.opt(ven_id, event.event_id, event.modification) is None
            for event in self.distribution(ven_id)
        )

    def take_opt(self, opt: Opt) -> None:
        """Keep a VEN's answer. Raises UnknownEventError for an id or modification we never offered."""
        event = self._known(opt.event_id)
        if not 0 <= opt.modification <= event.modification:
            raise UnknownEventError(f"event {opt.event_id}: no modification {opt.modification}")
        self.store.put_opt(opt)
        LOGGER.info(
            "opt received",
            extra={
                "ven_id": opt.ven_id,
                "event_id": opt.event_id,
                "modification": opt.modification,
                "opt": opt.opt,
            },
        )

    def _belongs(self, event: Event, ven_id: str, now: datetime) -> bool:
        status = event.status_at(now)
        if status is EventStatus.CANCELLED:
            answered = self.store.opt(ven_id, event.event_id, event.modification)
            return answered is None and event.end > now
        return status is not EventStatus.COMPLETED

    def _known(self, event_id: str) -> Event:
        event = self.store.event(event_id)
        if event is None:
            raise UnknownEventError(f"event {event_id}: unknown")
        return event

    def _modify(self, event: Event, *, cancelled: bool) -> Event:
        changed = replace(
            event, modification=event.modification + 1, created_at=self.clock(), cancelled=cancelled
        )
        self.store.put_event(changed)
        LOGGER.info(
            "event modified",
            extra={"event_id": event.event_id, "modification": changed.modification, "cancelled": cancelled},
        )
        return changed

    def _insert(self, event: Event) -> None:
        check_event(event)
        clashes = overlapping(event, self.store.events())
        if clashes:
            names = ", ".join(other.event_id for other in clashes)
            raise OverlapError(f"event: overlaps {names} in {event.market_context}; expected no overlap")
        self.store.put_event(event)
        LOGGER.info("event published", extra={"event_id": event.event_id, "start": event.start.isoformat()})
