"""Reports from VENs: what they offer, what they are asked for, what they send."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cariflex_openadr.domain.rules import RuleError

# Reports that carry values as they are measured; the others are fetched from a VEN's history on demand.
PLAN, OPERATOR = "plan", "operator"
TELEMETRY = ("METADATA_TELEMETRY_USAGE", "METADATA_TELEMETRY_STATUS")


@dataclass(frozen=True, slots=True)
class ReportPoint:
    """One rID of an offered report; periods in seconds, 0 where the VEN names none."""

    r_id: str
    report_type: str
    reading_type: str
    resource_id: str
    unit: str
    min_period_s: int
    max_period_s: int


@dataclass(frozen=True, slots=True)
class ReportOffer:
    """One oadrReport of oadrRegisterReport."""

    specifier_id: str
    report_name: str
    points: tuple[ReportPoint, ...]


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A report that a VEN is asked for; ``points`` are (rID, readingType)."""

    request_id: str
    ven_id: str
    specifier_id: str
    points: tuple[tuple[str, str], ...]
    granularity: timedelta
    report_back: timedelta
    origin: str = PLAN


@dataclass(frozen=True, slots=True)
class Untold:
    """What a VEN has not confirmed yet: requests, and ids of requests that were taken back."""

    asked: tuple[ReportRequest, ...] = ()
    cancelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """How often reports are asked for without an operator: interval of values, and of messages."""

    granularity: timedelta
    report_back: timedelta


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """A report that an operator wants; no points: all of the offer. Without periods those of the plan."""

    ven_id: str
    specifier_id: str
    r_ids: tuple[str, ...] = ()
    granularity: timedelta | None = None
    report_back: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ReportValue:
    """A value that a VEN reported for an interval, in the unit of its offer."""

    request_id: str
    r_id: str
    start: datetime
    duration_s: int
    value: float


def wanted(offer: ReportOffer, ven_id: str, request_id: str, plan: ReportPlan) -> ReportRequest | None:
    """What to ask for: all points of a telemetry report, as often as the slowest of them can; else None."""
    if offer.report_name not in TELEMETRY or not offer.points:
        return None
    slowest = timedelta(seconds=max(point.min_period_s for point in offer.points))
    every = max(plan.granularity, slowest)
    return ReportRequest(
        request_id=request_id,
        ven_id=ven_id,
        specifier_id=offer.specifier_id,
        points=tuple((point.r_id, point.reading_type) for point in offer.points),
        granularity=every,
        report_back=max(plan.report_back, every),
    )


def ordered_request(
    order: ReportOrder, offer: ReportOffer, request_id: str, plan: ReportPlan
) -> ReportRequest:
    """The request that an operator's order comes to. Raises RuleError, because a VEN could not follow."""
    name = f"report {offer.specifier_id}"
    if offer.report_name not in TELEMETRY:
        raise RuleError(f"{name}: {offer.report_name}; expected one of {', '.join(TELEMETRY)}")
    unknown = sorted(set(order.r_ids) - {point.r_id for point in offer.points})
    if unknown:
        known = ", ".join(point.r_id for point in offer.points)
        raise RuleError(f"{name}: points {', '.join(unknown)}; expected some of {known}")
    points = [point for point in offer.points if not order.r_ids or point.r_id in order.r_ids]
    slowest = timedelta(seconds=max(point.min_period_s for point in points))
    every = order.granularity or max(plan.granularity, slowest)
    longest = min((point.max_period_s for point in points if point.max_period_s), default=None)
    if every < slowest or (longest is not None and every.total_seconds() > longest):
        most = "" if longest is None else f" and at most {longest}"
        raise RuleError(
            f"{name}: granularity_s {every.total_seconds():g}; "
            f"expected at least {slowest.total_seconds():g}{most}"
        )
    back = order.report_back or max(plan.report_back, every)
    if back < every:
        raise RuleError(
            f"{name}: report_back_s {back.total_seconds():g}; "
            f"expected at least granularity_s, {every.total_seconds():g}"
        )
    return ReportRequest(
        request_id=request_id,
        ven_id=order.ven_id,
        specifier_id=offer.specifier_id,
        points=tuple((point.r_id, point.reading_type) for point in points),
        granularity=every,
        report_back=back,
        origin=OPERATOR,
    )
