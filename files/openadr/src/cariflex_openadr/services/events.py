"""EiEvent and OadrPoll. A modification is offered again with each poll until its opt is stored."""

import logging

from cariflex_openadr.domain.model import Event
from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.messages import replies, requests
from cariflex_openadr.messages.requests import Request
from cariflex_openadr.runtime import new_id
from cariflex_openadr.services import reports
from cariflex_openadr.services.common import Services

LOGGER = logging.getLogger(__name__)


async def poll(services: Services, _: Request, ven: VenRecord) -> str:
    """oadrPoll: news about reports; all events on offer while one of them is unanswered; else nothing new."""
    now = services.clock()
    services.store.parties.polled(ven.ven_id, now)
    if about_reports := reports.due(services, ven):
        return about_reports
    events = services.store.mirror.news(ven.ven_id, now)
    return _distribute(services, list(events), ven, "") if events else replies.response(ven.ven_id)


async def request_event(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrRequestEvent: all events on offer, no more than replyLimit."""
    events = services.store.mirror.distribution(ven.ven_id, services.clock())
    return _distribute(services, events[: requests.reply_limit(request.body)], ven, request.request_id)


def _distribute(services: Services, events: list[Event], ven: VenRecord, answer_to: str) -> str:
    now = services.clock()
    keys = [(event.event_id, event.modification) for event in events]
    services.store.answers.delivered(ven.ven_id, keys, now)
    return services.distribution.render(new_id(), events, ven.ven_id, now, answer_to)


async def created_event(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrCreatedEvent: the opts are stored before the reply; 452 when one names what was never offered."""
    opts = requests.opts(request.body, ven.ven_id, services.clock())
    stored = await services.store.answers.put_opts(opts)
    for opt in opts:
        known = (opt.event_id, opt.modification) in stored
        LOGGER.info(
            "opt received" if known else "answer to an unknown event",
            extra={
                "ven_id": ven.ven_id,
                "event_id": opt.event_id,
                "modification": opt.modification,
                "opt": opt.opt,
                "reason": opt.description,
            },
        )
    head = requests.response_id(request.body)
    if len(stored) < len({(opt.event_id, opt.modification) for opt in opts}):
        return replies.response(
            ven.ven_id, head, replies.INVALID_ID, "eventID or modificationNumber was never offered"
        )
    return replies.response(ven.ven_id, head)
