"""What the services remember, behind protocols.

In memory for now; a database takes the place of these classes without a change for their callers.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from cariflex_openadr.domain.model import Event, SensorValue


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


class VtnStore(Protocol):
    """The VTN's memory: the newest modification of each event, answers, polls, registrations."""

    def put_event(self, event: Event) -> None:
        """Keep ``event`` as the newest modification of its id."""

    def event(self, event_id: str) -> Event | None:
        """Newest modification, None when unknown."""

    def events(self) -> list[Event]:
        """Newest modification of every event."""

    def drop_ended_before(self, moment: datetime) -> None:
        """Forget events that ended before ``moment``, with their answers."""

    def put_opt(self, opt: Opt) -> None:
        """Keep an answer, in place of an earlier one to the same modification."""

    def opt(self, ven_id: str, event_id: str, modification: int) -> Opt | None:
        """A VEN's answer to a modification."""

    def opts(self, ven_id: str) -> list[Opt]:
        """All answers of a VEN."""

    def put_poll(self, ven_id: str, at: datetime) -> None:
        """Note that a VEN polled."""

    def last_poll(self, ven_id: str) -> datetime | None:
        """When a VEN polled last."""

    def set_registered(self, ven_id: str, registered: bool) -> None:
        """Note a registration or its cancellation."""

    def is_registered(self, ven_id: str) -> bool:
        """False only after a VEN has cancelled: configured VENs need no registration after our restart."""


@dataclass(slots=True)
class MemoryVtnStore:
    """VtnStore in memory."""

    _events: dict[str, Event] = field(default_factory=dict)
    _opts: dict[tuple[str, str, int], Opt] = field(default_factory=dict)
    _polls: dict[str, datetime] = field(default_factory=dict)
    _cancelled: set[str] = field(default_factory=set)

    def put_event(self, event: Event) -> None:
        self._events[event.event_id] = event

    def event(self, event_id: str) -> Event | None:
        return self._events.get(event_id)

    def events(self) -> list[Event]:
        return list(self._events.values())

    def drop_ended_before(self, moment: datetime) -> None:
        self._events = {key: event for key, event in self._events.items() if event.end >= moment}
        self._opts = {key: opt for key, opt in self._opts.items() if opt.event_id in self._events}

    def put_opt(self, opt: Opt) -> None:
        self._opts[opt.ven_id, opt.event_id, opt.modification] = opt

    def opt(self, ven_id: str, event_id: str, modification: int) -> Opt | None:
        return self._opts.get((ven_id, event_id, modification))

    def opts(self, ven_id: str) -> list[Opt]:
        return [opt for opt in self._opts.values() if opt.ven_id == ven_id]

    def put_poll(self, ven_id: str, at: datetime) -> None:
        self._polls[ven_id] = at

    def last_poll(self, ven_id: str) -> datetime | None:
        return self._polls.get(ven_id)

    def set_registered(self, ven_id: str, registered: bool) -> None:
        if registered:
            self._cancelled.discard(ven_id)
        else:
            self._cancelled.add(ven_id)

    def is_registered(self, ven_id: str) -> bool:
        return ven_id not in self._cancelled


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
