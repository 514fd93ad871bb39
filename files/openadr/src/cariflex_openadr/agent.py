"""The VEN's use cases: poll for ever, answer every modification, queue the values that follow from it."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cariflex_openadr.clients.vtn import VtnClient, VtnError
from cariflex_openadr.domain.expansion import values_to_post
from cariflex_openadr.domain.model import Event, SignalKind
from cariflex_openadr.messages.events import Offer, event_response, from_wire
from cariflex_openadr.poster import PostQueue
from cariflex_openadr.runtime import Clock, utc_now
from cariflex_openadr.settings.ven import SensorRef
from cariflex_openadr.storage.ven import EventRecord, Post, VenStore

LOGGER = logging.getLogger(__name__)
OPT_IN, OPT_OUT = "optIn", "optOut"
KEEP_ENDED = timedelta(days=2)


@dataclass(slots=True)
class VenAgent:
    """Polls the VTN and follows its events. Posts are only queued: a slow server delays no answer."""

    ven_id: str
    client: VtnClient
    store: VenStore
    queue: PostQueue
    sensors: dict[SignalKind, SensorRef]
    poll_interval: timedelta
    clock: Clock = utc_now
    last_poll: datetime | None = None
    last_error: str = ""
    registered: bool = False

    async def run(self) -> None:
        """Poll until cancelled; trouble with the VTN is logged once and tried again at the next turn."""
        interval = self.poll_interval
        while True:
            try:
                if not self.registered:
                    interval = max(self.poll_interval, await self._register())
                await self._poll()
            except VtnError as error:
                if str(error) != self.last_error:
                    LOGGER.warning("VTN trouble", extra={"reason": str(error)})
                self.last_error = str(error)
            else:
                self.last_error = ""
            await asyncio.sleep(interval.total_seconds())

    async def _register(self) -> timedelta:
        asked = await self.client.register()
        self.registered = True
        LOGGER.info("registered", extra={"ven_id": self.ven_id, "poll_interval_s": asked.total_seconds()})
        kind, payload = await self.client.request_events()
        if kind == "oadrDistributeEvent":
            await self.distribute(payload)
        return asked

    async def _poll(self) -> None:
        kind, payload = await self.client.poll()
        self.last_poll = self.clock()
        if kind == "oadrDistributeEvent":
            await self.distribute(payload)
        elif kind == "oadrRequestReregistration":
            await self.client.acknowledge("EiRegisterParty", None)
            self.registered = False
        elif kind not in ("", "oadrResponse"):
            LOGGER.warning("message ignored", extra={"kind": kind})

    async def distribute(self, payload: Mapping[str, Any]) -> None:
        """Take a distribution: every event on its own, one oadrCreatedEvent for those that want an answer."""
        now = self.clock()
        self.store.drop_ended_before(now - KEEP_ENDED)
        request_id = str(payload.get("request_id") or "")
        offers = self._offers(payload.get("events") or [])
        answers: list[tuple[EventRecord, dict[str, Any]]] = []
        for offer in offers:
            record = self._take(offer, now)
            if offer.response_required:
                answers.append((record, event_response(offer, request_id, record.opt)))
        self._cancel_missing({offer.event_id for offer in offers}, now)
        if answers:
            await self.client.created_event(request_id, [response for _, response in answers])
            for record, _ in answers:
                record.responded_at = record.responded_at or self.clock()

    def _offers(self, events: Iterable[Mapping[str, Any]]) -> list[Offer]:
        offers: list[Offer] = []
        for raw in events:
            try:
                offers.append(from_wire(raw, self.ven_id))
            except (KeyError, TypeError, ValueError) as error:
                # Without id and modification number there is nothing to answer to.
                LOGGER.warning("event without identity", extra={"reason": f"{type(error).__name__}: {error}"})
        return offers

    def _take(self, offer: Offer, now: datetime) -> EventRecord:
        known = self.store.latest(offer.event_id)
        if known is not None and not _is_newer(offer, known):
            return known
        record = EventRecord(
            event_id=offer.event_id,
            modification=offer.modification,
            created_at=offer.created_at,
            received_at=now,
            event=offer.event,
            opt=OPT_OUT if offer.event is None else OPT_IN,
            reason=offer.problem,
        )
        if offer.event is None:
            LOGGER.warning("opted out", extra={"event_id": offer.event_id, "reason": offer.problem})
        else:
            previous = known.event if known is not None else None
            self._queue_values(record, offer.event, previous, offer.event.created_at, now)
        self.store.put(record)
        return record

    def _queue_values(
        self, record: EventRecord, event: Event, previous: Event | None, believed_at: datetime, now: datetime
    ) -> None:
        if event.test:
            record.reason = "test event: answered, not followed"
            return
        others = [
            other.event for other in self.store.latest_of_all() if other.event and not other.implied_cancel
        ]
        kinds = {signal.kind for known in (event, previous) if known for signal in known.signals}
        for kind in sorted(kinds):
            sensor = self.sensors[kind]
            runs = values_to_post(event, kind, sensor.resolution, previous=previous, others=others, now=now)
            for run in runs:
                post = Post(
                    sensor_id=sensor.sensor_id,
                    unit=sensor.unit,
                    resolution=sensor.resolution,
                    values=run.values,
                    belief_time=believed_at.replace(microsecond=0),
                )
                record.posts.append(post)
                self.queue.put(post)

    def _cancel_missing(self, offered: set[str], now: datetime) -> None:
        """Implied cancellation: a distribution lists every live event, so one that is missing is off."""
        for record in self.store.latest_of_all():
            event = record.event
            if event is None or record.event_id in offered or record.implied_cancel:
                continue
            if event.cancelled or event.end <= now:
                continue
            LOGGER.info("event no longer offered", extra={"event_id": record.event_id})
            record.implied_cancel = True
            self._queue_values(record, replace(event, cancelled=True), None, now, now)


def _is_newer(offer: Offer, known: EventRecord) -> bool:
    """A later modification, or the same id created anew: a VTN that has lost its memory starts again at 0."""
    if known.implied_cancel:
        return True
    if offer.created_at is not None and known.created_at is not None:
        if offer.modification == known.modification:
            return offer.created_at > known.created_at
        return offer.modification > known.modification or offer.created_at > known.created_at
    return offer.modification > known.modification
