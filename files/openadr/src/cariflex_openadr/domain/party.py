"""VENs and their answers as the VTN knows them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class VenRecord:
    """A VEN. ``fingerprint`` is the SHA-256 of its certificate in hex, empty for a VEN on plain HTTP.

    The registration id stays the same for good, so that polls go on whatever happens to either side.
    """

    ven_id: str
    ven_name: str
    registration_id: str
    fingerprint: str = ""
    registered: bool = False
    revoked: bool = False
    origin: str = "config"


@dataclass(frozen=True, slots=True)
class Opt:
    """A VEN's answer to one modification of an event."""

    ven_id: str
    event_id: str
    modification: int
    opt: str
    code: int
    description: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OptSchedule:
    """EiOpt: times in which a VEN takes part (optIn) or does not (optOut), or its change of mind on an event.

    ``times`` are (start, seconds); 0 seconds is open-ended.
    """

    ven_id: str
    opt_id: str
    opt: str
    reason: str
    created_at: datetime
    times: tuple[tuple[datetime, int], ...]
    market_context: str | None = None
    event_id: str | None = None
    modification: int | None = None
    resource_ids: tuple[str, ...] = ()
