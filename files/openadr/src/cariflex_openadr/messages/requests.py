"""What VENs send, read from messages that meet the schema."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from cariflex_openadr.domain.party import Opt, OptSchedule
from cariflex_openadr.domain.reports import ReportOffer, ReportPoint, ReportValue
from cariflex_openadr.messages.document import (
    EI,
    EMIX,
    OADR,
    PYLD,
    STRM,
    XCAL,
    Element,
    MessageError,
)
from cariflex_openadr.messages.times import parse_duration, parse_moment

LONGEST_ID = 256


@dataclass(frozen=True, slots=True)
class Request:
    """A message's kind and the ids that every kind carries; empty where it has none."""

    kind: str
    ven_id: str
    request_id: str
    body: Element


@dataclass(frozen=True, slots=True)
class PartyRequest:
    """oadrCreatePartyRegistration."""

    ven_name: str
    ven_id: str
    registration_id: str
    pull: bool
    transport: str


def read(message: Element) -> Request:
    """Kind and ids of a message."""
    return Request(
        kind=etree.QName(message).localname,
        ven_id=_nested_ven_id(message),
        request_id=_id(message, f"{PYLD}requestID") or _id(message, f"{PYLD}eiRequestEvent/{PYLD}requestID"),
        body=message,
    )


def _nested_ven_id(message: Element) -> str:
    # EiEvent's two messages carry it one level down.
    for parent in (message, message.find(f"{PYLD}eiRequestEvent"), message.find(f"{PYLD}eiCreatedEvent")):
        if parent is not None and (found := _id(parent, f"{EI}venID")):
            return found
    return ""


def party_request(body: Element) -> PartyRequest:
    """Who asks to be registered."""
    return PartyRequest(
        ven_name=_id(body, f"{OADR}oadrVenName"),
        ven_id=_id(body, f"{EI}venID"),
        registration_id=_id(body, f"{EI}registrationID"),
        pull=_text(body, f"{OADR}oadrHttpPullModel") not in ("false", "0"),
        transport=_text(body, f"{OADR}oadrTransportName"),
    )


def reply_limit(body: Element) -> int | None:
    """replyLimit of oadrRequestEvent, None where there is none."""
    limit = body.findtext(f"{PYLD}eiRequestEvent/{PYLD}replyLimit")
    return _whole(limit, "replyLimit") if limit else None


def response_id(body: Element) -> str:
    """requestID of the eiResponse at a message's head, which our reply echoes."""
    return (body.findtext(f".//{EI}eiResponse/{PYLD}requestID") or "").strip()[:LONGEST_ID]


def registration_id(body: Element) -> str:
    """registrationID of oadrCancelPartyRegistration."""
    return _id(body, f"{EI}registrationID")


def opts(body: Element, ven_id: str, now: datetime) -> list[Opt]:
    """The answers of oadrCreatedEvent."""
    found: list[Opt] = []
    for item in body.iter(f"{EI}eventResponse"):
        qualified = item.find(f"{EI}qualifiedEventID")
        found.append(
            Opt(
                ven_id=ven_id,
                event_id=_id(qualified, f"{EI}eventID"),
                modification=_whole(_text(qualified, f"{EI}modificationNumber"), "modificationNumber"),
                opt=_text(item, f"{EI}optType"),
                code=_whole(_text(item, f"{EI}responseCode"), "responseCode"),
                description=_text(item, f"{EI}responseDescription")[:1000],
                at=now,
            )
        )
    return found


def opt_schedule(body: Element, ven_id: str) -> OptSchedule:
    """oadrCreateOpt."""
    qualified = body.find(f"{EI}qualifiedEventID")
    context = _text(body, f"{EMIX}marketContext")
    target = body.find(f"{EI}eiTarget")
    resources = target.iterfind(f"{EI}resourceID") if target is not None else ()
    times: list[tuple[datetime, int]] = []
    for properties in body.iterfind(f"{XCAL}vavailability//{XCAL}properties"):
        start = parse_moment(properties.findtext(f"{XCAL}dtstart/{XCAL}date-time"))
        duration = parse_duration(properties.findtext(f"{XCAL}duration/{XCAL}duration"))
        if duration < timedelta():
            raise MessageError(f"vavailability: duration {duration}; expected none below zero")
        times.append((start, int(duration.total_seconds())))
    return OptSchedule(
        ven_id=ven_id,
        opt_id=_id(body, f"{EI}optID"),
        opt=_text(body, f"{EI}optType"),
        reason=_text(body, f"{EI}optReason"),
        created_at=parse_moment(body.findtext(f"{EI}createdDateTime")),
        times=tuple(times),
        market_context=context or None,
        event_id=_id(qualified, f"{EI}eventID") if qualified is not None else None,
        modification=_whole(_text(qualified, f"{EI}modificationNumber"), "modificationNumber")
        if qualified is not None
        else None,
        resource_ids=tuple((item.text or "").strip() for item in resources),
    )


def opt_id(body: Element) -> str:
    """optID of oadrCreateOpt and oadrCancelOpt."""
    return _id(body, f"{EI}optID")


def report_offers(body: Element) -> list[ReportOffer]:
    """The offers of oadrRegisterReport."""
    return [
        ReportOffer(
            specifier_id=_id(report, f"{EI}reportSpecifierID"),
            report_name=_text(report, f"{EI}reportName"),
            points=tuple(_point(item) for item in report.iterfind(f"{OADR}oadrReportDescription")),
        )
        for report in body.iterfind(f"{OADR}oadrReport")
    ]


def _point(item: Element) -> ReportPoint:
    rate = item.find(f"{OADR}oadrSamplingRate")
    units = next(
        (
            "".join(
                (child.text or "").strip()
                for child in reversed(measurement.findall("*"))
                if etree.QName(child).localname in ("itemUnits", "siScaleCode")
            )
            for measurement in item
            if any(etree.QName(child).localname == "itemUnits" for child in measurement)
        ),
        "",
    )
    return ReportPoint(
        r_id=_id(item, f"{EI}rID"),
        report_type=_text(item, f"{EI}reportType"),
        reading_type=_text(item, f"{EI}readingType"),
        resource_id=(item.findtext(f"{EI}reportDataSource/{EI}resourceID") or "").strip()[:LONGEST_ID],
        unit=units.removeprefix("none"),
        min_period_s=_seconds(rate, f"{OADR}oadrMinPeriod"),
        max_period_s=_seconds(rate, f"{OADR}oadrMaxPeriod"),
    )


def response(body: Element) -> tuple[bool, str]:
    """Whether the eiResponse at a message's head says yes, and in which words."""
    head = body.find(f"{EI}eiResponse")
    if head is None:
        return True, ""
    code, words = _text(head, f"{EI}responseCode"), _text(head, f"{EI}responseDescription")
    return code.startswith("2"), f"{code} {words}".strip()[:1000]


def pending_reports(body: Element) -> list[str]:
    """reportRequestIDs that oadrCreatedReport and oadrCanceledReport list as pending."""
    return [
        (item.text or "").strip() for item in body.iterfind(f"{OADR}oadrPendingReports/{EI}reportRequestID")
    ]


def report_values(body: Element) -> list[ReportValue]:
    """The values of oadrUpdateReport. An interval without its own start follows on from the one before."""
    found: list[ReportValue] = []
    for report in body.iterfind(f"{OADR}oadrReport"):
        request_id = _id(report, f"{EI}reportRequestID")
        following = report.findtext(f"{XCAL}dtstart/{XCAL}date-time")
        start = parse_moment(following) if following else None
        for interval in report.iterfind(f"{STRM}intervals/{EI}interval"):
            own = interval.findtext(f"{XCAL}dtstart/{XCAL}date-time")
            start = parse_moment(own) if own else start
            if start is None:
                raise MessageError(f"report {request_id}: interval without a start; expected dtstart")
            length = interval.findtext(f"{XCAL}duration/{XCAL}duration")
            duration = parse_duration(length) if length else timedelta()
            for payload in interval.iterfind(f"{OADR}oadrReportPayload"):
                value = payload.findtext(f"{EI}payloadFloat/{EI}value")
                if value is not None:
                    found.append(_value(request_id, payload, start, duration, value))
            start += duration
    return found


def _value(request_id: str, payload: Element, start: datetime, duration: timedelta, text: str) -> ReportValue:
    r_id = _id(payload, f"{EI}rID")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise MessageError(f"report {request_id}/{r_id}: {text!r}; expected a finite number")
    return ReportValue(request_id, r_id, start, int(duration.total_seconds()), value)


def _seconds(parent: Element | None, tag: str) -> int:
    text = parent.findtext(tag) if parent is not None else None
    return int(parse_duration(text).total_seconds()) if text else 0


def _text(parent: Element, tag: str) -> str:
    return (parent.findtext(tag) or "").strip()


def _id(parent: Element, tag: str) -> str:
    found = _text(parent, tag)
    if len(found) > LONGEST_ID:
        name = etree.QName(tag).localname
        raise MessageError(f"{name}: {len(found)} characters; expected at most {LONGEST_ID}")
    return found


def _whole(text: str, name: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 2**31:
        raise MessageError(f"{name}: {text!r}; expected a number of 0 or more")
    return number
