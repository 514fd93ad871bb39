"""EiOpt: opt schedules, and changes of mind on an event that was answered already."""

import logging

from cariflex_openadr.domain.party import Opt, VenRecord
from cariflex_openadr.messages import replies, requests
from cariflex_openadr.messages.requests import Request
from cariflex_openadr.services.common import Services

LOGGER = logging.getLogger(__name__)


async def create(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrCreateOpt: kept under the VEN's optID; with an eventID it is also the VEN's opt to that event."""
    schedule = requests.opt_schedule(request.body, ven.ven_id)
    if not schedule.times and schedule.event_id is None:
        return replies.created_opt(
            schedule.opt_id, request.request_id, replies.INVALID_DATA, "neither vavailability nor eventID"
        )
    if schedule.event_id is not None and schedule.modification is not None:
        opt = Opt(
            ven_id=ven.ven_id,
            event_id=schedule.event_id,
            modification=schedule.modification,
            opt=schedule.opt,
            code=replies.OK,
            description=schedule.reason,
            at=services.clock(),
        )
        if not await services.store.answers.put_opts([opt]):
            return replies.created_opt(
                schedule.opt_id,
                request.request_id,
                replies.INVALID_ID,
                "eventID or modificationNumber was never offered",
            )
    await services.store.answers.put_schedule(schedule)
    LOGGER.info("opt schedule", extra={"ven_id": ven.ven_id, "opt_id": schedule.opt_id, "opt": schedule.opt})
    return replies.created_opt(schedule.opt_id, request.request_id)


async def cancel(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrCancelOpt; 452 for an optID that this VEN has not created."""
    opt_id = requests.opt_id(request.body)
    if not await services.store.answers.cancel_schedule(ven.ven_id, opt_id, services.clock()):
        return replies.canceled_opt(opt_id, request.request_id, replies.INVALID_ID, "optID is unknown")
    return replies.canceled_opt(opt_id, request.request_id)
