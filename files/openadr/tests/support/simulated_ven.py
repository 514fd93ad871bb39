"""A VEN reduced to its messages, over plain HTTP, that remembers nothing but what it is told to send."""

import http.client
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lxml import etree
from openleadr.messaging import create_message

from cariflex_openadr.messages.document import EI, Element, message_of, parse
from support import VEN_ID

Events = dict[tuple[str, int], str]


def until(check: Callable[[], bool], timeout_s: float = 20) -> None:
    """Wait until ``check`` is true; AssertionError when it never is."""
    deadline = time.monotonic() + timeout_s
    while not check():
        assert time.monotonic() < deadline, "condition not met in time"
        time.sleep(0.05)


@dataclass
class SimulatedVen:
    """Sends messages and looks at the answers."""

    url: str
    ven_id: str = VEN_ID
    ven_name: str = "cariflex-ven"
    reregistrations: int = 0

    def register(self) -> str:
        """Register; the registration's id."""
        kind, message = self.ask(
            "EiRegisterParty",
            "oadrCreatePartyRegistration",
            ven_name=self.ven_name,
            http_pull_model=True,
            xml_signature=False,
            report_only=False,
            profile_name="2.0b",
            transport_name="simpleHttp",
        )
        assert kind == "oadrCreatedPartyRegistration"
        return str(message.findtext(f"{EI}registrationID"))

    def poll_kind(self) -> str:
        """Kind of the answer to a poll."""
        return self.ask("OadrPoll", "oadrPoll")[0]

    def poll_status(self) -> int:
        """HTTP status of a poll; 0 when nobody answers."""
        try:
            return self.send("OadrPoll", create_message("oadrPoll", ven_id=self.ven_id))[0]
        except OSError:
            return 0

    def poll_events(self) -> Events:
        """(event, modification) -> its text, of what a poll brings; empty without news."""
        kind, message = self.ask("OadrPoll", "oadrPoll")
        if kind == "oadrRequestReregistration":
            self.reregistrations += 1
        found: Events = {}
        for event in message.iter("{http://openadr.org/oadr-2.0b/2012/07}oadrEvent"):
            descriptor = event.find(f"{EI}eiEvent/{EI}eventDescriptor")
            key = (descriptor.findtext(f"{EI}eventID"), int(descriptor.findtext(f"{EI}modificationNumber")))
            assert key not in found
            # Status and currentValue change with time; the rest belongs to the modification.
            for volatile in (*event.iter(f"{EI}eventStatus"), *event.iter(f"{EI}currentValue")):
                volatile.getparent().remove(volatile)
            found[key] = etree.tostring(event).decode()
        return found

    def answer(self, events: Events, opt: str = "optIn") -> None:
        """Answer all of ``events`` with one message, and see it acknowledged."""
        if events:
            assert self._answer(events, opt) == "200"

    def answer_while(self, events: Events, disturb: Callable[[], None]) -> bool:
        """Answer while ``disturb`` runs; True when the answer was acknowledged."""
        disturber = threading.Thread(target=disturb)
        disturber.start()
        acknowledged = False
        with suppress(OSError, http.client.HTTPException, AssertionError):
            acknowledged = self._answer(events, "optIn") == "200"
        disturber.join()
        return acknowledged

    def _answer(self, events: Events, opt: str) -> str:
        head = {"response_code": 200, "response_description": "OK", "request_id": "r"}
        responses = [
            head | {"event_id": event_id, "modification_number": modification, "opt_type": opt}
            for event_id, modification in events
        ]
        _, message = self.ask("EiEvent", "oadrCreatedEvent", response=head, event_responses=responses)
        return str(message.findtext(f"{EI}eiResponse/{EI}responseCode"))

    def ask(self, service: str, message_type: str, **payload: Any) -> tuple[str, Element]:
        """Kind and element of the answer to a message."""
        text = create_message(message_type, **{"ven_id": self.ven_id, "request_id": "r", **payload})
        status, content = self.send(service, text)
        assert status == 200, (status, content)
        message = message_of(parse(content))
        return etree.QName(message).localname, message

    def send(self, service: str, text: str) -> tuple[int, bytes]:
        """HTTP status and body."""
        target = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=15)
        try:
            connection.request(
                "POST", f"{target.path}/{service}", text.encode(), {"Content-Type": "application/xml"}
            )
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()
