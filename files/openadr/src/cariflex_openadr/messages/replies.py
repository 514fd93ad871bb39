"""What the VTN sends, but for events: short fixed texts with escaped values. All meet the 2.0b schema.

They are written in canonical form (XML C14N 1.0), so that a signature needs no second pass over them.
"""

from collections.abc import Iterable
from datetime import timedelta
from html import escape

from cariflex_openadr.domain.reports import ReportRequest
from cariflex_openadr.messages.times import format_duration

OK = 200
OUT_OF_SEQUENCE = 450
NOT_ALLOWED = 451
INVALID_ID = 452
INVALID_DATA = 454
COMPLIANCE_ERROR = 459
TARGET_MISMATCH = 462
NOT_AUTHORIZED = 463
NOT_SUPPORTED = 469

# The namespaces are declared once, on the object that is signed, in the order of canonical XML.
_HEAD = (
    '<oadr:oadrSignedObject xmlns:ei="http://docs.oasis-open.org/ns/energyinterop/201110" '
    'xmlns:emix="http://docs.oasis-open.org/ns/emix/2011/06" '
    'xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07" '
    'xmlns:pyld="http://docs.oasis-open.org/ns/energyinterop/201110/payloads" '
    'xmlns:strm="urn:ietf:params:xml:ns:icalendar-2.0:stream" '
    'xmlns:xcal="urn:ietf:params:xml:ns:icalendar-2.0" oadr:Id="oadrSignedObject">'
)
_TAIL = "</oadr:oadrSignedObject>"
PAYLOAD_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<oadr:oadrPayload xmlns:oadr="http://openadr.org/oadr-2.0b/2012/07">'
)
PAYLOAD_TAIL = "</oadr:oadrPayload>"


def signed_object(kind: str, body: str) -> str:
    """oadrSignedObject around one message."""
    return f'{_HEAD}<oadr:{kind} ei:schemaVersion="2.0b">{body}</oadr:{kind}>{_TAIL}'


def payload(signed: str, signature: str = "") -> str:
    """The document: oadrPayload around an oadrSignedObject and its signature."""
    return f"{PAYLOAD_HEAD}{signature}{signed}{PAYLOAD_TAIL}"


def text(value: str) -> str:
    """``value`` as element content."""
    return escape(value, quote=False).replace("\r", "&#xD;")


def ei_response(request_id: str, code: int = OK, description: str = "OK") -> str:
    """eiResponse."""
    return (
        f"<ei:eiResponse><ei:responseCode>{code}</ei:responseCode>"
        f"<ei:responseDescription>{text(description)}</ei:responseDescription>"
        f"<pyld:requestID>{text(request_id)}</pyld:requestID></ei:eiResponse>"
    )


def _ven(ven_id: str) -> str:
    return f"<ei:venID>{text(ven_id)}</ei:venID>" if ven_id else ""


def response(ven_id: str, request_id: str = "", code: int = OK, description: str = "OK") -> str:
    """oadrResponse."""
    return signed_object("oadrResponse", ei_response(request_id, code, description) + _ven(ven_id))


def request_reregistration(ven_id: str) -> str:
    """oadrRequestReregistration."""
    return signed_object("oadrRequestReregistration", _ven(ven_id))


def created_party_registration(
    vtn_id: str,
    request_id: str,
    poll_interval: timedelta,
    ven_id: str = "",
    registration_id: str = "",
    code: int = OK,
    description: str = "OK",
) -> str:
    """oadrCreatedPartyRegistration; without ids the answer to a query, or a refusal."""
    registration = (
        f"<ei:registrationID>{text(registration_id)}</ei:registrationID>" if registration_id else ""
    )
    return signed_object(
        "oadrCreatedPartyRegistration",
        f"{ei_response(request_id, code, description)}{registration}{_ven(ven_id)}"
        f"<ei:vtnID>{text(vtn_id)}</ei:vtnID><oadr:oadrProfiles><oadr:oadrProfile>"
        "<oadr:oadrProfileName>2.0b</oadr:oadrProfileName><oadr:oadrTransports><oadr:oadrTransport>"
        "<oadr:oadrTransportName>simpleHttp</oadr:oadrTransportName></oadr:oadrTransport>"
        "</oadr:oadrTransports></oadr:oadrProfile></oadr:oadrProfiles><oadr:oadrRequestedOadrPollFreq>"
        f"<xcal:duration>{format_duration(poll_interval)}</xcal:duration></oadr:oadrRequestedOadrPollFreq>",
    )


def canceled_party_registration(
    ven_id: str, request_id: str, registration_id: str, code: int = OK, description: str = "OK"
) -> str:
    """oadrCanceledPartyRegistration."""
    registration = f"<ei:registrationID>{text(registration_id)}</ei:registrationID>"
    return signed_object(
        "oadrCanceledPartyRegistration",
        ei_response(request_id, code, description) + registration + _ven(ven_id),
    )


def registered_report(
    ven_id: str,
    request_id: str,
    requests: Iterable[ReportRequest] = (),
    code: int = OK,
    description: str = "OK",
) -> str:
    """oadrRegisteredReport, which asks for reports at once."""
    asked = "".join(_report_request(request) for request in requests)
    return signed_object(
        "oadrRegisteredReport", ei_response(request_id, code, description) + asked + _ven(ven_id)
    )


def create_report(ven_id: str, request_id: str, requests: Iterable[ReportRequest]) -> str:
    """oadrCreateReport: with a poll's answer, reports that the VEN is to send from now on."""
    asked = "".join(_report_request(request) for request in requests)
    return signed_object(
        "oadrCreateReport", f"<pyld:requestID>{text(request_id)}</pyld:requestID>{asked}{_ven(ven_id)}"
    )


def cancel_report(ven_id: str, request_id: str, report_request_ids: Iterable[str]) -> str:
    """oadrCancelReport: reports that are wanted no longer, and nothing more of them."""
    ids = "".join(f"<ei:reportRequestID>{text(item)}</ei:reportRequestID>" for item in report_request_ids)
    return signed_object(
        "oadrCancelReport",
        f"<pyld:requestID>{text(request_id)}</pyld:requestID>{ids}"
        f"<pyld:reportToFollow>false</pyld:reportToFollow>{_ven(ven_id)}",
    )


def _report_request(request: ReportRequest) -> str:
    points = "".join(
        f"<ei:specifierPayload><ei:rID>{text(r_id)}</ei:rID>"
        f"<ei:readingType>{text(reading_type)}</ei:readingType></ei:specifierPayload>"
        for r_id, reading_type in request.points
    )
    return (
        f"<oadr:oadrReportRequest><ei:reportRequestID>{text(request.request_id)}</ei:reportRequestID>"
        f"<ei:reportSpecifier><ei:reportSpecifierID>{text(request.specifier_id)}</ei:reportSpecifierID>"
        f"<xcal:granularity><xcal:duration>{format_duration(request.granularity)}</xcal:duration>"
        f"</xcal:granularity><ei:reportBackDuration><xcal:duration>{format_duration(request.report_back)}"
        f"</xcal:duration></ei:reportBackDuration>{points}</ei:reportSpecifier></oadr:oadrReportRequest>"
    )


def updated_report(ven_id: str, request_id: str, code: int = OK, description: str = "OK") -> str:
    """oadrUpdatedReport."""
    return signed_object("oadrUpdatedReport", ei_response(request_id, code, description) + _ven(ven_id))


def created_opt(opt_id: str, request_id: str, code: int = OK, description: str = "OK") -> str:
    """oadrCreatedOpt."""
    return signed_object(
        "oadrCreatedOpt", ei_response(request_id, code, description) + f"<ei:optID>{text(opt_id)}</ei:optID>"
    )


def canceled_opt(opt_id: str, request_id: str, code: int = OK, description: str = "OK") -> str:
    """oadrCanceledOpt."""
    return signed_object(
        "oadrCanceledOpt", ei_response(request_id, code, description) + f"<ei:optID>{text(opt_id)}</ei:optID>"
    )
