"""What the services share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.domain.reports import ReportPlan
from cariflex_openadr.messages.distribution import Distribution
from cariflex_openadr.messages.requests import Request
from cariflex_openadr.storage.vtn import VtnStore
from cariflex_service.runtime import Clock


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers work with."""

    vtn_id: str
    poll_interval: timedelta
    reports: ReportPlan
    store: VtnStore
    distribution: Distribution
    clock: Clock
    # VEN -> (kind of message, request) -> when this process told it so: a VEN may take its time to confirm.
    reports_told: dict[str, dict[tuple[str, str], datetime]] = field(default_factory=dict)


# The reply's oadrSignedObject; empty for an empty HTTP body.
Handler = Callable[[Services, Request, VenRecord], Awaitable[str]]
