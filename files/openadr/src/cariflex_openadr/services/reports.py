"""EiReport: VENs offer reports, we ask for telemetry and for what operators want, they send values."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.domain.reports import wanted
from cariflex_openadr.messages import replies, requests
from cariflex_openadr.messages.requests import Request
from cariflex_openadr.runtime import new_id
from cariflex_openadr.services.common import Services

LOGGER = logging.getLogger(__name__)
TELL_AGAIN = timedelta(minutes=1)
CREATE, CANCEL = "oadrCreateReport", "oadrCancelReport"


async def register(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrRegisterReport: the offers replace earlier ones; the reply asks for the telemetry among them."""
    offers = requests.report_offers(request.body)
    names = [offer.specifier_id for offer in offers]
    if len(set(names)) < len(names):
        return replies.registered_report(
            ven.ven_id, request.request_id, (), replies.INVALID_DATA, "reportSpecifierID given twice"
        )
    asked = [wanted(offer, ven.ven_id, new_id(), services.reports) for offer in offers]
    held = await services.store.reports.register(
        ven.ven_id, offers, [item for item in asked if item is not None], services.clock()
    )
    services.reports_told[ven.ven_id] = {(CREATE, item.request_id): services.clock() for item in held}
    LOGGER.info("reports offered", extra={"ven_id": ven.ven_id, "offered": names, "asked": len(held)})
    return replies.registered_report(ven.ven_id, request.request_id, held)


async def created(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrCreatedReport: the VEN confirms what we asked for, or says why it will not send it."""
    taken, words = requests.response(request.body)
    await services.store.reports.confirm(
        ven.ven_id, requests.pending_reports(request.body), services.clock(), "" if taken else words
    )
    return replies.response(ven.ven_id, requests.response_id(request.body))


async def canceled(services: Services, request: Request, ven: VenRecord) -> str:
    """oadrCanceledReport: what we took back will not be sent any more."""
    await services.store.reports.confirm_cancelled(
        ven.ven_id, requests.pending_reports(request.body), services.clock()
    )
    return replies.response(ven.ven_id, requests.response_id(request.body))


def due(services: Services, ven: VenRecord) -> str:
    """What a poll is answered with where the VEN has not confirmed a request, or that one is taken back.

    Said again every so often until it has: the answer to a poll may be lost.
    """
    untold = services.store.mirror.untold_reports(ven.ven_id)
    if untold is None:
        services.reports_told.pop(ven.ven_id, None)
        return ""
    if _tell(services, ven, CANCEL, untold.cancelled):
        return replies.cancel_report(ven.ven_id, new_id(), untold.cancelled)
    if _tell(services, ven, CREATE, [item.request_id for item in untold.asked]):
        return replies.create_report(ven.ven_id, new_id(), untold.asked)
    return ""


def _tell(services: Services, ven: VenRecord, kind: str, request_ids: Sequence[str]) -> bool:
    """True when the VEN is to be told (again), which is noted."""
    now, told = services.clock(), services.reports_told.setdefault(ven.ven_id, {})
    last = [told.get((kind, request_id)) for request_id in request_ids]
    if all(moment is not None and abs(now - moment) < TELL_AGAIN for moment in last):
        return False
    told.update({(kind, request_id): now for request_id in request_ids})
    LOGGER.info(
        "reports told", extra={"ven_id": ven.ven_id, "kind": kind, "report_request_ids": list(request_ids)}
    )
    return True


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
