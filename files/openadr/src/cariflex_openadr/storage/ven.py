"""What the VEN remembers, behind a protocol.

In memory for now; a database takes the place of this class without a change for its callers.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from cariflex_openadr.domain.model import Event, SensorValue


@dataclass(slots=True)
class Post:
    """Values on their way to one sensor. ``belief_time`` is final once ``posted_at`` is set."""

    sensor_id: int
    unit: str
    resolution: timedelta
    values: tuple[SensorValue, ...]
    belief_time: datetime
    posted_at: datetime | None = None
    error: str = ""


@dataclass(slots=True)
class EventRecord:
    """What the VEN did with one modification of an event."""

    event_id: str
    modification: int
    created_at: datetime | None
    received_at: datetime
    event: Event | None
    opt: str
    reason: str
    responded_at: datetime | None = None
    implied_cancel: bool = False
    posts: list[Post] = field(default_factory=list)


class VenStore(Protocol):
    """The VEN's memory: what it did with each (event, modification)."""

    def put(self, record: EventRecord) -> None:
        """Keep a record as the newest of its event."""

    def latest(self, event_id: str) -> EventRecord | None:
        """The record received last for an event."""

    def latest_of_all(self) -> list[EventRecord]:
        """The record received last for each event."""

    def records(self) -> list[EventRecord]:
        """Every record, oldest first."""

    def drop_ended_before(self, moment: datetime) -> None:
        """Forget records of events that ended, and unusable ones received, before ``moment``."""


@dataclass(slots=True)
class MemoryVenStore:
    """VenStore in memory."""

    _records: dict[tuple[str, int], EventRecord] = field(default_factory=dict)
    _latest: dict[str, EventRecord] = field(default_factory=dict)

    def put(self, record: EventRecord) -> None:
        self._records[record.event_id, record.modification] = record
        self._latest[record.event_id] = record

    def latest(self, event_id: str) -> EventRecord | None:
        return self._latest.get(event_id)

    def latest_of_all(self) -> list[EventRecord]:
        return list(self._latest.values())

    def records(self) -> list[EventRecord]:
        return sorted(self._records.values(), key=lambda record: record.received_at)

    def drop_ended_before(self, moment: datetime) -> None:
        def fresh(record: EventRecord) -> bool:
            return (record.event.end if record.event else record.received_at) >= moment

        self._records = {key: record for key, record in self._records.items() if fresh(record)}
        self._latest = {key: record for key, record in self._latest.items() if fresh(record)}
