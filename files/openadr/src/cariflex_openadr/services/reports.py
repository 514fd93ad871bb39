"""EiReport: VENs offer reports, we ask for all telemetry at once, they send values."""

import logging

from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.domain.reports import wanted
from cariflex_openadr.messages import replies, requests
from cariflex_openadr.messages.requests import Request
from cariflex_openadr.runtime import new_id
from cariflex_openadr.services.common import Services

LOGGER = logging.getLogger(__name__)


async def register(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrRegisterReport: the offers replace earlier ones; the reply asks for the telemetry among them."""
    offers = requests.report_offers(request.body)
    names = [offer.specifier_id for offer in offers]
    if len(set(names)) < len(names):
        return replies.registered_report(
            ven.ven_id, request.request_id, (), replies.INVALID_DATA, "reportSpecifierID given twice"
        )
    plan = services.reports
    asked = [wanted(offer, ven.ven_id, new_id(), plan.granularity, plan.report_back) for offer in offers]
    held = await services.store.reports.register(
        ven.ven_id, offers, [item for item in asked if item is not None], services.clock()
    )
    LOGGER.info("reports offered", extra={"ven_id": ven.ven_id, "offered": names, "asked": len(held)})
    return replies.registered_report(ven.ven_id, request.request_id, held)


async def created(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrCreatedReport: the VEN confirms what we asked for."""
    await services.store.reports.confirm(
        ven.ven_id, requests.confirmed_requests(request.body), services.clock()
    )
    return replies.response(ven.ven_id, requests.response_id(request.body))


async def update(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrUpdateReport: values are stored once; 452 for a report or rID that we did not ask this VEN for."""
    values = requests.report_values(request.body)
    unknown = await services.store.reports.put_values(ven.ven_id, values, services.clock())
    if unknown:
        LOGGER.warning("report not asked for", extra={"ven_id": ven.ven_id, "unknown": sorted(unknown)[:20]})
        return replies.updated_report(
            ven.ven_id, request.request_id, replies.INVALID_ID, "reportRequestID or rID was never asked for"
        )
    return replies.updated_report(ven.ven_id, request.request_id)
