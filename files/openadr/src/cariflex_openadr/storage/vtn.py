"""What the VTN remembers, behind a protocol.

In memory for now; a database takes the place of this class without a change for its callers.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cariflex_openadr.domain.model import Event


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
