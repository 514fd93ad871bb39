"""EiRegisterParty. Only VENs that were added beforehand, by configuration or vtnctl, are registered."""

import logging

from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.messages import replies, requests
from cariflex_openadr.messages.requests import Request
from cariflex_openadr.services.common import Services

LOGGER = logging.getLogger(__name__)


def query(services: Services, request: Request, ven: VenRecord | None) -> str:
    """oadrQueryRegistration: what we speak; its ids only to a VEN that is registered."""
    known = ven is not None and ven.registered
    return replies.created_party_registration(
        services.vtn_id,
        request.request_id,
        services.poll_interval,
        ven_id=ven.ven_id if ven is not None and known else "",
        registration_id=ven.registration_id if ven is not None and known else "",
    )


def refuse(services: Services, request: Request, code: int, description: str) -> str:
    """A registration that is not to be."""
    return replies.created_party_registration(
        services.vtn_id, request.request_id, services.poll_interval, code=code, description=description
    )


async def create(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrCreatePartyRegistration; again for a VEN that is registered, with the same registrationID."""
    asked = requests.party_request(request.body)
    if asked.transport != "simpleHttp" or not asked.pull:
        return refuse(services, request, replies.NOT_SUPPORTED, "only simpleHttp with the pull model")
    if asked.registration_id and asked.registration_id != ven.registration_id:
        return refuse(services, request, replies.INVALID_ID, "registrationID is not that of this VEN")
    await services.store.parties.set_registered(ven.ven_id, True)
    LOGGER.info("VEN registered", extra={"ven_id": ven.ven_id})
    return replies.created_party_registration(
        services.vtn_id, request.request_id, services.poll_interval, ven.ven_id, ven.registration_id
    )


async def cancel(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrCancelPartyRegistration."""
    named = requests.registration_id(request.body)
    if named != ven.registration_id:
        return replies.canceled_party_registration(
            ven.ven_id,
            request.request_id,
            named,
            replies.INVALID_ID,
            "registrationID is not that of this VEN",
        )
    await services.store.parties.set_registered(ven.ven_id, False)
    LOGGER.info("VEN cancelled its registration", extra={"ven_id": ven.ven_id})
    return replies.canceled_party_registration(ven.ven_id, request.request_id, named)
