"""The VEN's talk with its VTN: register, poll for ever, take what comes, answer it before the next poll."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from cariflex_openadr.clients.vtn import UNKNOWN_VEN, Reply, VtnClient, VtnError, VtnRefusedError
from cariflex_openadr.inbox import Answer, Inbox
from cariflex_openadr.messages.document import MessageError
from cariflex_openadr.messages.offers import event_response, read_distribution
from cariflex_openadr.metrics import VenMetrics
from cariflex_openadr.opts import Opts
from cariflex_openadr.reporter import Reporter
from cariflex_openadr.storage.ven_events import VenState
from cariflex_service.runtime import Clock, utc_now

LOGGER = logging.getLogger(__name__)
TURN_TIMEOUT_S = 60.0
WATCHDOG_PERIODS = 3
LEAST_POLL_AGE = timedelta(seconds=30)
TIDY_EVERY = timedelta(minutes=10)
# After the VTN has ended the registration, or refused our reports.
UNREGISTERED_WAIT = timedelta(minutes=5)


@dataclass(slots=True)
class VenAgent:
    """Polls the VTN. The inbox commits what it learns; posts and instructions follow from there."""

    ven_id: str
    client: VtnClient
    inbox: Inbox
    state: VenState
    reporter: Reporter
    opts: Opts
    configured_interval: timedelta
    registration_id: str = ""
    resources: frozenset[str] = frozenset()
    metrics: VenMetrics = field(default_factory=VenMetrics)
    clock: Clock = utc_now
    last_poll: datetime | None = None
    last_error: str = ""
    registered: bool = False
    _poll_sent_s: float = 0
    _resync: bool = True
    _as_new: bool = False
    _offer_reports_after: datetime | None = None
    _started: datetime | None = None
    _register_after: datetime | None = None
    _watchdog_at: datetime | None = None
    _tidied_at: datetime | None = None

    @property
    def poll_interval(self) -> timedelta:
        """Time between polls: as the VTN told, else as configured."""
        told = self.state.get("poll_interval_s")
        return timedelta(seconds=float(told)) if told else self.configured_interval

    @property
    def longest_poll_age(self) -> timedelta:
        """A last poll that is older than this means trouble."""
        return max(LEAST_POLL_AGE, WATCHDOG_PERIODS * self.poll_interval)

    async def run(self) -> None:
        """Turn after turn until cancelled; the VTN's trouble is logged once and met by the next turn."""
        loop = asyncio.get_running_loop()
        while True:
            self._poll_sent_s = loop.time()
            try:
                async with asyncio.timeout(TURN_TIMEOUT_S):
                    await self.turn()
            except (VtnError, TimeoutError) as error:
                self._trouble(str(error) or f"no end after {TURN_TIMEOUT_S:.0f} s")
            else:
                self.last_error = ""
            await self._watch()
            self._tidy_up()
            # From poll to poll, never sooner than told: what else a turn does comes before its poll.
            passed_s = loop.time() - self._poll_sent_s
            await asyncio.sleep(max(self.poll_interval.total_seconds() - passed_s, 0))

    async def turn(self) -> None:
        """Register where needed, answer what is unanswered, poll, and answer what came. Raises VtnError."""
        if not self.registered and not await self._register():
            return
        if self._resync:
            await self._request_events()
        await self._answer()
        await self._report()
        await self.opts.send_due(self.client)
        await self._poll()

    def register_again(self) -> None:
        """The next turn registers, whatever was decided before."""
        self.registered, self._register_after = False, None
        self.state.set("unregistered", "")

    async def cancel_registration(self) -> None:
        """End the registration until ``register_again``; nothing that was on offer holds any longer."""
        await self.client.cancel_registration(self.state.get("registration_id"))
        self.state.set("unregistered", "operator")
        self._end_registration()

    def _end_registration(self) -> None:
        self.inbox.drop_all(self.state.get("vtn_id"))
        self.reporter.forget()
        self.state.set("registration_id", "")
        self.registered = False
        LOGGER.warning("registration ended", extra={"ven_id": self.ven_id})

    async def _register(self) -> bool:
        if self.state.get("unregistered"):
            return False
        if self._register_after is not None and self.clock() < self._register_after:
            return False
        known = self.state.get("registration_id") or self.registration_id
        try:
            granted = await self.client.register("" if self._as_new else known)
        except VtnRefusedError:
            # The VTN may have forgotten the registration: the next try is as somebody new, then as before.
            self._as_new = not self._as_new
            raise
        self._as_new = False
        self.state.set("registration_id", granted.registration_id)
        self.state.set("vtn_id", granted.vtn_id)
        asked_s = granted.poll_interval.total_seconds()
        self.state.set("poll_interval_s", str(asked_s) if asked_s > 0 else "")
        self.registered, self._resync = True, True
        self.metrics.registrations.inc()
        fields = {"ven_id": self.ven_id, "vtn_id": granted.vtn_id}
        LOGGER.info("registered", extra=fields | {"poll_interval_s": self.poll_interval.total_seconds()})
        self._offer_reports_after = self.clock()
        return True

    async def _report(self) -> None:
        """Offer reports after a registration, and send what is due. A VTN without EiReport is no trouble."""
        offer_after = self._offer_reports_after
        if offer_after is not None and offer_after <= self.clock():
            try:
                await self.reporter.register(self.client)
                self._offer_reports_after = None
            except VtnError as error:
                self._offer_reports_after = self.clock() + UNREGISTERED_WAIT
                LOGGER.warning("reports not offered", extra={"reason": str(error)})
        await self.reporter.send_due(self.client)

    async def _request_events(self) -> None:
        """Everything on offer, because a reply with news may have been lost, or a VTN its memory."""
        reply = await self.client.request_events()
        if reply.name == "oadrDistributeEvent":
            await self._distribute(reply)
        elif reply.name == "oadrResponse":
            # So says a VTN that has no event at all.
            self.inbox.drop_all(self.state.get("vtn_id"))
        else:
            raise VtnError(f"oadrRequestEvent: {reply.name or 'empty answer'}; expected oadrDistributeEvent")
        self._resync = False

    async def _poll(self) -> None:
        self._poll_sent_s = asyncio.get_running_loop().time()
        try:
            reply = await self.client.poll()
        except VtnError as error:
            # What the lost reply carried may never be sent again.
            self._resync = True
            self.metrics.polls.labels("failed").inc()
            if isinstance(error, VtnRefusedError) and error.code in UNKNOWN_VEN:
                self.registered = False
            raise
        self.last_poll = self.clock()
        self.metrics.polls.labels("answered").inc()
        await self._handle(reply)

    async def _handle(self, reply: Reply) -> None:
        request_id = reply.text("requestID")
        if reply.name in ("", "oadrResponse"):
            return
        if reply.name == "oadrDistributeEvent":
            await self._distribute(reply)
        elif reply.name == "oadrRequestReregistration":
            await self.client.acknowledge("EiRegisterParty", "oadrResponse", request_id)
            self.registered = False
        elif reply.name == "oadrCancelPartyRegistration":
            await self._cancelled(reply, request_id)
        elif not await self.reporter.handle(reply, self.client):
            LOGGER.warning("message ignored", extra={"message_type": reply.name})

    async def _cancelled(self, reply: Reply, request_id: str) -> None:
        ended = reply.text("registrationID")
        self._end_registration()
        self._register_after = self.clock() + UNREGISTERED_WAIT
        await self.client.acknowledge(
            "EiRegisterParty", "oadrCanceledPartyRegistration", request_id, registration_id=ended
        )

    async def _distribute(self, reply: Reply) -> None:
        try:
            distribution = read_distribution(reply.message, self.ven_id, self.resources)
        except MessageError as error:
            raise VtnError(str(error)) from error
        await self._answer(self.inbox.take(distribution))

    async def _answer(self, stale: Iterable[Answer] = ()) -> None:
        """Send what is unanswered; one that the VTN refuses holds up none of the others."""
        events = self.inbox.events
        due = [
            (
                Answer(item.request_id, item.event_id, item.modification, item.opt, item.code, item.reason),
                item.sequence,
            )
            for item in events.unanswered()
        ] + [(answer, 0) for answer in stale]
        due.sort(key=lambda pair: pair[0].request_id)
        for request_id, group in groupby(due, key=lambda pair: pair[0].request_id):
            batch = list(group)
            try:
                await self._send_answers(request_id, batch)
            except VtnError as error:
                if len(batch) == 1:
                    self._unheard(batch[0], error)
                    continue
                for pair in batch:
                    try:
                        await self._send_answers(request_id, [pair])
                    except VtnError as own_error:
                        self._unheard(pair, own_error)

    async def _send_answers(self, request_id: str, batch: list[tuple[Answer, int]]) -> None:
        responses = [
            event_response(
                event_id=answer.event_id,
                modification=answer.modification,
                request_id=request_id,
                opt=answer.opt,
                code=answer.code,
                problem=answer.reason,
            )
            for answer, _ in batch
        ]
        await self.client.created_event(request_id, responses)
        for answer, sequence in batch:
            self.inbox.events.answered(sequence, self.clock())
            fields = {"event_id": answer.event_id, "modification": answer.modification, "opt": answer.opt}
            LOGGER.info("event answered", extra=fields | {"request_id": request_id})

    def _unheard(self, pair: tuple[Answer, int], error: VtnError) -> None:
        answer, sequence = pair
        fields = {"event_id": answer.event_id, "modification": answer.modification, "reason": str(error)}
        LOGGER.warning("answer not taken", extra=fields)
        if isinstance(error, VtnRefusedError):
            # The VTN does not know the event any more, or will offer it again: nothing left to say.
            self.inbox.events.give_up_answer(sequence)

    def _tidy_up(self) -> None:
        now = self.clock()
        if self._tidied_at is None or now - self._tidied_at >= TIDY_EVERY:
            self._tidied_at = now
            self.inbox.forget()

    def _trouble(self, reason: str) -> None:
        if reason != self.last_error:
            LOGGER.warning("VTN trouble", extra={"reason": reason})
        self.last_error = reason

    async def _watch(self) -> None:
        """When no poll succeeded for three periods: say so, start anew with connections and registration."""
        now = self.clock()
        self._started = self._started or now
        since = max(moment for moment in (self.last_poll, self._watchdog_at, self._started) if moment)
        if self.state.get("unregistered") or now - since <= WATCHDOG_PERIODS * self.poll_interval:
            return
        self._watchdog_at = now
        self.metrics.watchdog.inc()
        LOGGER.error("watchdog: no poll succeeded for three periods", extra={"reason": self.last_error})
        await self.client.close()
        self.registered = False
