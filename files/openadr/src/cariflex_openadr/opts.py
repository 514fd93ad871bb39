"""EiOpt, the VEN's side: what its operator opts out of holds at once; the VTN is told when it can be."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from openleadr.utils import generate_id

from cariflex_openadr.clients.vtn import VtnClient, VtnError, VtnRefusedError, refused_unless_ok
from cariflex_openadr.domain.model import Event
from cariflex_openadr.storage.ven_events import OPT_IN, OPT_OUT, EventRecord
from cariflex_openadr.storage.ven_opts import CANCELLED, CANCELLING, PENDING, REFUSED, SENT, Opt, OptBook
from cariflex_service.runtime import Clock, iso, utc_now

LOGGER = logging.getLogger(__name__)
# optReason of OpenADR 2.0b.
REASONS = (
    "economic",
    "emergency",
    "mustRun",
    "notParticipating",
    "outageRunStatus",
    "overrideStatus",
    "participating",
    "x-schedule",
)
KEEP_ENDED = timedelta(days=2)


class OptError(ValueError):
    """The opt cannot be made; the message names the field, its value and what was expected."""


class Opts:
    """The operator's opts."""

    def __init__(self, book: OptBook, clock: Clock = utc_now) -> None:
        self._book, self._clock = book, clock

    def all(self) -> list[Opt]:
        """Every opt that is kept, oldest first."""
        return self._book.all()

    def opted_out(self, event: Event) -> str:
        """Why a control event falls into an opt-out schedule, "" when it does not."""
        for opt in self._book.all():
            if opt.opt_type != OPT_OUT or opt.state in (CANCELLING, CANCELLED) or opt.start is None:
                continue
            if opt.market_context and opt.market_context != event.market_context:
                continue
            if opt.end is not None and opt.start < event.end and event.start < opt.end:
                window = f"{iso(opt.start)} to {iso(opt.end)}"
                return f"event {event.event_id}: opt schedule {opt.opt_id}, {window}"
        return ""

    def schedule(
        self, opt_type: str, start: datetime, end: datetime, reason: str, market_context: str = ""
    ) -> Opt:
        """Keep an opt schedule. Events that come from now on heed it. Raises OptError."""
        _check(opt_type, reason)
        if not start < end or end <= self._clock():
            raise OptError(f"opt schedule: {iso(start)} to {iso(end)}; expected an end after start and now")
        opt = Opt(
            generate_id(),
            opt_type,
            reason,
            self._clock(),
            market_context=market_context,
            start=start,
            end=end,
        )
        self._book.put(opt)
        return opt

    def for_event(self, opt_type: str, record: EventRecord, reason: str) -> Opt:
        """Keep the opt for one event's newest modification. Raises OptError."""
        _check(opt_type, reason)
        opt = Opt(
            generate_id(),
            opt_type,
            reason,
            self._clock(),
            event_id=record.event_id,
            modification=record.modification,
        )
        self._book.put(opt)
        return opt

    def cancel(self, opt_id: str) -> Opt:
        """Take an opt back. Raises OptError."""
        for opt in self._book.all():
            if opt.opt_id == opt_id:
                # What the VTN was never told, it need not be told to forget.
                state = CANCELLING if opt.state in (SENT, CANCELLING) else CANCELLED
                changed = replace(opt, state=state)
                self._book.put(changed)
                return changed
        raise OptError(f"opt {opt_id!r}: unknown; expected one that `venctl opt list` shows")

    async def send_due(self, client: VtnClient) -> None:
        """Tell the VTN what it does not know yet; what fails is told again at the next turn."""
        for opt in self._book.all():
            if opt.state == PENDING:
                await self._tell(opt, SENT, client, "oadrCreateOpt", _create(opt))
            elif opt.state == CANCELLING:
                payload = {"request_id": generate_id(), "opt_id": escape(opt.opt_id)}
                await self._tell(opt, CANCELLED, client, "oadrCancelOpt", payload)
        self._book.drop_ended_before(self._clock() - KEEP_ENDED)

    async def _tell(
        self, opt: Opt, then: str, client: VtnClient, message_type: str, payload: dict[str, Any]
    ) -> None:
        try:
            reply = await client.request("EiOpt", message_type, **payload)
            refused_unless_ok(reply, "eiResponse")
        except VtnRefusedError as error:
            self._book.put(replace(opt, state=REFUSED, error=str(error)))
            LOGGER.warning("opt refused", extra={"opt_id": opt.opt_id, "reason": str(error)})
        except VtnError as error:
            if opt.error != str(error):
                LOGGER.warning("opt not told", extra={"opt_id": opt.opt_id, "reason": str(error)})
                self._book.put(replace(opt, error=str(error)))
        else:
            self._book.put(replace(opt, state=then, error=""))
            LOGGER.info("opt told", extra={"opt_id": opt.opt_id, "state": then})


def _check(opt_type: str, reason: str) -> None:
    if opt_type not in (OPT_IN, OPT_OUT):
        raise OptError(f"opt: {opt_type!r}; expected {OPT_IN} or {OPT_OUT}")
    if reason not in REASONS:
        raise OptError(f"reason: {reason!r}; expected one of {', '.join(REASONS)}")


def _create(opt: Opt) -> dict[str, Any]:
    """oadrCreateOpt for openleadr's template, which does not escape."""
    payload: dict[str, Any] = {
        "request_id": generate_id(),
        "opt_id": escape(opt.opt_id),
        "opt_type": opt.opt_type,
        "opt_reason": opt.reason,
        "created_date_time": opt.created_at,
        "market_context": escape(opt.market_context) or None,
        "vavailability": None,
        "targets": None,
    }
    if opt.event_id:
        payload |= {"event_id": escape(opt.event_id), "modification_number": opt.modification}
    elif opt.start is not None and opt.end is not None:
        component = {"dtstart": opt.start, "duration": opt.end - opt.start}
        payload["vavailability"] = {"components": [component]}
    return payload
