"""What the services share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.messages.distribution import Distribution
from cariflex_openadr.messages.requests import Request
from cariflex_openadr.runtime import Clock
from cariflex_openadr.storage.vtn import VtnStore


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """How often reports are asked for: interval of values, and of messages."""

    granularity: timedelta
    report_back: timedelta


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers work with."""

    vtn_id: str
    poll_interval: timedelta
    reports: ReportPlan
    store: VtnStore
    distribution: Distribution
    clock: Clock


# The reply's oadrSignedObject; empty for an empty HTTP body.
Handler = Callable[[Services, Request, VenRecord], Awaitable[str]]
