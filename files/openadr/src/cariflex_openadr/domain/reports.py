"""Reports from VENs: what they offer, what they are asked for, what they send."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Reports that carry values as they are measured; the others are fetched from a VEN's history on demand.
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


@dataclass(frozen=True, slots=True)
class ReportValue:
    """A value that a VEN reported for an interval, in the unit of its offer."""

    request_id: str
    r_id: str
    start: datetime
    duration_s: int
    value: float


def wanted(
    offer: ReportOffer, ven_id: str, request_id: str, granularity: timedelta, report_back: timedelta
) -> ReportRequest | None:
    """What to ask for: all points of a telemetry report, as often as the slowest of them can; else None."""
    if offer.report_name not in TELEMETRY or not offer.points:
        return None
    slowest = timedelta(seconds=max(point.min_period_s for point in offer.points))
    every = max(granularity, slowest)
    return ReportRequest(
        request_id=request_id,
        ven_id=ven_id,
        specifier_id=offer.specifier_id,
        points=tuple((point.r_id, point.reading_type) for point in offer.points),
        granularity=every,
        report_back=max(report_back, every),
    )
