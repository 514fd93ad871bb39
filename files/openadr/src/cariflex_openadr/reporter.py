"""EiReport, the VEN's side: offers usage per resource, takes requests, sends what was measured."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from openleadr.utils import generate_id

from cariflex_openadr.clients.vtn import OK, UNKNOWN_VEN, Reply, VtnClient, VtnError, VtnRefusedError
from cariflex_openadr.domain.expansion import floor_to
from cariflex_openadr.messages.document import Element, MessageError
from cariflex_openadr.messages.xml_tree import (
    duration,
    find,
    find_all,
    moment,
    required_text,
)
from cariflex_openadr.metrics import VenMetrics
from cariflex_openadr.storage.usage import Usage
from cariflex_openadr.storage.ven_reports import ReportRequest, ReportRequests
from cariflex_service.runtime import Clock, utc_now

LOGGER = logging.getLogger(__name__)
SPECIFIER_ID = "cariflex-usage"
METADATA = "METADATA"
# Power comes in slots of five minutes, some seconds after their end.
FINEST, COARSEST = timedelta(minutes=5), timedelta(hours=1)
SETTLE = timedelta(minutes=1)
REPORT_NOT_SUPPORTED = 461
ENERGY = {"name": "energyReal", "description": "RealEnergy", "unit": "Wh", "scale": "none"}


class Reporter:
    """Reports of one VEN; ``resources`` are the ids whose usage it may report."""

    def __init__(
        self,
        requests: ReportRequests,
        usage: Usage,
        resources: Iterable[str],
        metrics: VenMetrics,
        clock: Clock = utc_now,
    ) -> None:
        self._requests, self._usage, self._clock = requests, usage, clock
        self._resources, self._metrics = sorted(resources), metrics

    async def register(self, client: VtnClient) -> None:
        """Tell the VTN what could be reported, and take what it asks for at once. Raises VtnError."""
        report = {
            "report_name": "METADATA_TELEMETRY_USAGE",
            "report_specifier_id": SPECIFIER_ID,
            "duration": COARSEST,
            "created_date_time": self._clock(),
            "report_descriptions": [self._description(resource) for resource in self._resources],
        }
        reports = [report] if self._resources else []
        reply = await client.request(
            "EiReport", "oadrRegisterReport", request_id=generate_id(), reports=reports
        )
        if reply.name == "oadrRegisteredReport":
            await self._take_requests(reply, client)

    async def handle(self, reply: Reply, client: VtnClient) -> bool:
        """Answer a message of EiReport that came with a poll; False when it is none."""
        request_id = reply.text("requestID")
        if reply.name == "oadrCreateReport":
            await self._take_requests(reply, client)
        elif reply.name == "oadrCancelReport":
            cancelled = self._cancel(reply.message)
            await client.acknowledge(
                "EiReport", "oadrCanceledReport", request_id, pending_reports=self._pending()
            )
            LOGGER.info("reports cancelled", extra={"report_request_ids": cancelled})
        elif reply.name == "oadrRegisterReport":
            # We ask for none of the VTN's reports.
            await client.acknowledge("EiReport", "oadrRegisteredReport", request_id, report_requests=[])
        elif reply.name == "oadrUpdateReport":
            await client.acknowledge("EiReport", "oadrUpdatedReport", request_id)
        else:
            return False
        return True

    async def send_due(self, client: VtnClient) -> None:
        """Send every report whose time has come; what fails is sent again from the same data."""
        now = self._clock()
        for request in self._requests.all():
            until = request.sent_until + request.back
            if request.ends_at is not None and request.sent_until >= request.ends_at:
                self._requests.remove(request.report_request_id)
            elif until + SETTLE <= now:
                await self._send(request, until, client)

    def forget(self) -> None:
        """The registration has ended, and with it every request."""
        for request in self._requests.all():
            self._requests.remove(request.report_request_id)

    async def _send(self, request: ReportRequest, until: datetime, client: VtnClient) -> None:
        intervals = list(self._intervals(request, until))
        report = {
            "report_id": f"{request.report_request_id}-{until:%Y%m%dT%H%M%SZ}",
            "report_request_id": escape(request.report_request_id),
            "report_specifier_id": escape(request.specifier_id),
            "report_name": "TELEMETRY_USAGE",
            "created_date_time": self._clock(),
            "dtstart": request.sent_until,
            "intervals": intervals,
        }
        fields = {"report_request_id": request.report_request_id, "values": len(intervals)}
        try:
            reply = None
            if intervals:
                reply = await client.request(
                    "EiReport", "oadrUpdateReport", request_id=generate_id(), reports=[report]
                )
        except VtnError as error:
            self._metrics.reports.labels("failed").inc()
            LOGGER.warning("report failed", extra=fields | {"reason": str(error)})
            return
        code = reply.text("eiResponse/responseCode") if reply is not None else ""
        if code and not code.startswith("2"):
            self._metrics.reports.labels("refused").inc()
            LOGGER.warning("report refused", extra=fields | {"code": code})
            if code not in UNKNOWN_VEN:
                return
            # The VTN does not know the request any longer.
            self._requests.remove(request.report_request_id)
            return
        self._requests.advance(request.report_request_id, until)
        if reply is not None:
            self._metrics.reports.labels("sent").inc()
            LOGGER.info("report sent", extra=fields)
            if reply.message is not None and find(reply.message, "oadrCancelReport") is not None:
                self._cancel(find(reply.message, "oadrCancelReport"))

    def _intervals(self, request: ReportRequest, until: datetime) -> Iterable[dict[str, Any]]:
        start = request.sent_until
        while start < until:
            end = min(start + request.granularity, until)
            for r_id in request.r_ids:
                energy_wh = self._usage.energy_wh(r_id, start, end)
                if energy_wh is not None:
                    yield {
                        "dtstart": start,
                        "duration": end - start,
                        "report_payload": {"r_id": r_id, "value": round(energy_wh, 3)},
                    }
            start = end

    async def _take_requests(self, reply: Reply, client: VtnClient) -> None:
        """Keep what can be reported, then say which requests are kept. Raises VtnError."""
        found = find_all(reply.message, "oadrReportRequest")
        refused: list[str] = []
        metadata = False
        for element in found:
            try:
                request = self._read_request(element)
            except MessageError as error:
                refused.append(str(error))
                LOGGER.warning("report request refused", extra={"reason": str(error)})
                continue
            metadata = metadata or request is None
            if request is not None:
                self._requests.put(request)
                LOGGER.info("report requested", extra={"report_request_id": request.report_request_id})
        if not found and reply.name == "oadrRegisteredReport":
            return
        head = {
            "response_code": REPORT_NOT_SUPPORTED if refused else OK,
            "response_description": escape("; ".join(refused) or "OK"),
            "request_id": escape(reply.text("requestID") or reply.text("eiResponse/requestID")),
        }
        answer = await client.request(
            "EiReport", "oadrCreatedReport", response=head, pending_reports=self._pending()
        )
        code = answer.text("eiResponse/responseCode")
        if code and not code.startswith("2"):
            raise VtnRefusedError(code, f"oadrCreatedReport: response {code}; expected 200")
        if metadata and reply.name == "oadrCreateReport":
            await self.register(client)

    def _read_request(self, element: Element) -> ReportRequest | None:
        """A request for usage; None for one that asks for the offer itself. Raises MessageError."""
        request_id = required_text(element, "reportRequestID")
        specifier_id = required_text(element, "reportSpecifier/reportSpecifierID")
        if specifier_id == METADATA:
            return None
        if specifier_id != SPECIFIER_ID:
            raise MessageError(f"report request {request_id}: {specifier_id}; expected {SPECIFIER_ID}")
        payloads = find_all(element, "reportSpecifier/specifierPayload")
        r_ids = tuple(required_text(payload, "rID") for payload in payloads)
        unknown = [r_id for r_id in r_ids if r_id not in self._resources]
        if unknown or not r_ids:
            expected = ", ".join(self._resources)
            raise MessageError(f"report request {request_id}: rID {', '.join(unknown)}; expected {expected}")
        granularity = max(duration(element, "reportSpecifier/granularity/duration"), FINEST)
        back = granularity
        if find(element, "reportSpecifier/reportBackDuration") is not None:
            back = max(duration(element, "reportSpecifier/reportBackDuration/duration"), granularity)
        start, ends_at = self._clock(), None
        interval = find(element, "reportSpecifier/reportInterval/properties")
        if interval is not None:
            start = moment(interval, "dtstart/date-time")
            length = duration(interval, "duration/duration")
            ends_at = start + length if length else None
        # On the grid of the data, whenever the request came: no interval ends in the middle of a slot.
        begin = floor_to(start, granularity)
        return ReportRequest(request_id, specifier_id, r_ids, granularity, back, begin, ends_at)

    def _cancel(self, message: Element) -> list[str]:
        ids = [(item.text or "").strip() for item in find_all(message, "reportRequestID")]
        for report_request_id in ids:
            self._requests.remove(report_request_id)
        return ids

    def _pending(self) -> list[dict[str, str]]:
        return [{"report_request_id": escape(item.report_request_id)} for item in self._requests.all()]

    def _description(self, resource: str) -> dict[str, Any]:
        return {
            "r_id": escape(resource),
            "report_data_source": {"resource_id": escape(resource)},
            "report_type": "usage",
            "reading_type": "Net",
            "measurement": dict(ENERGY),
            "sampling_rate": {"min_period": FINEST, "max_period": COARSEST, "on_change": False},
        }
