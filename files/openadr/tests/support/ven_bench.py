"""A VEN's inbox fed by hand from offers: messages are rendered by openleadr and read as from the wire."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from openleadr.messaging import create_message

from cariflex_openadr.inbox import Answer, Inbox
from cariflex_openadr.messages.document import message_of, read_document
from cariflex_openadr.messages.offers import Distribution, read_distribution
from cariflex_openadr.opts import Opts
from cariflex_openadr.storage.outbox import Post
from cariflex_openadr.storage.ven_database import open_ven_database
from cariflex_openadr.storage.ven_events import EventRecord
from cariflex_openadr.storage.ven_opts import OptBook
from support import VEN_ID, TurnableClock
from support.offers import Offers
from support.ven import POSTER, SENSORS
from support.wire import to_wire

VTN_ID = "CARIFLEX_VTN"
PRICE, LOAD, RESPONSE = "price-2026-11-23", "load-control-2026-11-23", "demand-response-2026-11-23"
WireEvent = dict[str, Any]


def distribution_text(events: list[WireEvent], request_id: str = "req-7", vtn_id: str = VTN_ID) -> str:
    """An oadrDistributeEvent as text."""
    return str(create_message("oadrDistributeEvent", request_id=request_id, vtn_id=vtn_id, events=events))


def read(text: str, resources: frozenset[str] = frozenset()) -> Distribution:
    """A distribution as the VEN reads it."""
    return read_distribution(message_of(read_document(text.encode())), VEN_ID, resources)


@dataclass
class Bench:
    """Offers, and the inbox that takes them; both share a clock."""

    clock: TurnableClock = field(default_factory=TurnableClock)
    database: str = ":memory:"

    def __post_init__(self) -> None:
        self.offers = Offers(self.clock)
        self.offers.publish_program()
        connection = open_ven_database(self.database)
        self.opts = Opts(OptBook(connection), self.clock)
        self.inbox = Inbox(connection, SENSORS, POSTER, self.clock, self.opts.opted_out)

    def wire(self) -> list[WireEvent]:
        """What is on offer, as openleadr's template wants it."""
        return [to_wire(event, VEN_ID, self.clock()) for event in self.offers.distribution()]

    def deliver(self, events: list[WireEvent] | None = None, request_id: str = "req-7") -> list[Answer]:
        """Deliver ``events``, by default all on offer; what had to be answered at once."""
        return self.deliver_text(distribution_text(self.wire() if events is None else events, request_id))

    def deliver_text(self, text: str, resources: frozenset[str] = frozenset()) -> list[Answer]:
        """Deliver a message."""
        return self.inbox.take(read(text, resources))

    def newest(self, event_id: str) -> EventRecord:
        """The newest record of an event."""
        record = self.inbox.events.newest(VTN_ID, event_id)
        assert record is not None, f"no record of {event_id}"
        return record

    def due_answers(self) -> dict[str, tuple[str, int]]:
        """Answers to be sent: event id to opt and code."""
        return {item.event_id: (item.opt, item.code) for item in self.inbox.events.unanswered()}

    def posts(self, event_id: str) -> list[Post]:
        """Posts of an event, oldest first."""
        return [entry.post for entry in self.inbox.outbox.of_event(event_id)]

    def shown(self, sensor_id: int) -> dict[datetime, float]:
        """What the sensor shows once everything was posted: the newest belief of each slot."""
        rows = [
            (entry.post.belief_time, item.start, item.value)
            for entry in self.inbox.outbox.entries()
            if entry.post.sensor_id == sensor_id
            for item in entry.post.values
        ]
        return {start: value for _, start, value in sorted(rows)}
