"""A VTN double on loopback that says what a test tells it to, and keeps what it was asked."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web
from openleadr.messaging import create_message

from cariflex_openadr.messages.document import Element, message_of, read_document
from cariflex_openadr.messages.xml_tree import find_all, name_of, text
from cariflex_openadr.settings import Listen
from cariflex_service.runtime import start_site
from support import VEN_ID, eventually
from support.ven_bench import VTN_ID

Payload = dict[str, Any]
OK = {"response_code": 200, "response_description": "OK", "request_id": "0"}


def message(name: str, **payload: Any) -> bytes:
    """A VTN's message by openleadr's template."""
    return str(create_message(name, **payload)).encode()


def response(code: int = 200, description: str = "OK") -> bytes:
    """An oadrResponse."""
    head = {"response_code": code, "response_description": description, "request_id": "0"}
    return message("oadrResponse", response=head, ven_id=VEN_ID)


@dataclass
class ScriptedVtn:
    """``replies`` by message name (a list is used up, its last entry stays), ``polls`` one by one."""

    poll_interval: timedelta | None = None
    polls: list[bytes] = field(default_factory=list)
    events: Callable[[], bytes] = field(default=lambda: response())
    replies: dict[str, bytes | int] = field(default_factory=dict)
    received: list[tuple[str, Element]] = field(default_factory=list)
    unknown_events: set[str] = field(default_factory=set)
    port: int = 0

    def named(self, name: str) -> list[Element]:
        """Messages of one name, in the order of their arrival."""
        return [element for found, element in self.received if found == name]

    def answers(self) -> list[tuple[str, int, str]]:
        """Event id, modification and opt of every eventResponse."""
        return [
            (
                text(item, "qualifiedEventID/eventID"),
                int(text(item, "qualifiedEventID/modificationNumber")),
                text(item, "optType"),
            )
            for element in self.named("oadrCreatedEvent")
            for item in find_all(element, "eiCreatedEvent/eventResponses/eventResponse")
        ]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer by the script."""
        element = message_of(read_document(await request.read()))
        name = name_of(element)
        self.received.append((name, element))
        scripted = self.replies.get(name)
        if isinstance(scripted, int):
            return web.Response(status=scripted)
        body = scripted or self._usual(name)
        ids = {text(item, "eventID") for item in element.iter("{*}qualifiedEventID")}
        if ids & self.unknown_events:
            body = response(452, "no such event")
        return web.Response(body=body, content_type="application/xml")

    def _usual(self, name: str) -> bytes:
        if name == "oadrCreatePartyRegistration":
            return message(
                "oadrCreatedPartyRegistration",
                response=OK,
                registration_id="registered-1",
                ven_id=VEN_ID,
                vtn_id=VTN_ID,
                profiles=[{"profile_name": "2.0b", "transports": [{"transport_name": "simpleHttp"}]}],
                requested_oadr_poll_freq=self.poll_interval,
            )
        if name == "oadrRequestEvent":
            return self.events()
        if name == "oadrPoll" and self.polls:
            return self.polls.pop(0)
        if name == "oadrRegisterReport":
            return message("oadrRegisteredReport", response=OK, report_requests=[], ven_id=VEN_ID)
        if name == "oadrUpdateReport":
            return message("oadrUpdatedReport", response=OK, ven_id=VEN_ID)
        if name == "oadrCreateOpt":
            return message("oadrCreatedOpt", response=OK, opt_id="x")
        if name == "oadrCancelOpt":
            return message("oadrCanceledOpt", response=OK, opt_id="x")
        if name == "oadrCancelPartyRegistration":
            return message(
                "oadrCanceledPartyRegistration", response=OK, registration_id="registered-1", ven_id=VEN_ID
            )
        return response()


@asynccontextmanager
async def serving(vtn: ScriptedVtn) -> AsyncIterator[ScriptedVtn]:
    """``vtn`` listening on its port (0: a free one, kept for the next time)."""
    app = web.Application()
    app.add_routes([web.post("/OpenADR2/Simple/2.0b/{service}", vtn.handle)])
    runner, vtn.port = await start_site(app, Listen("127.0.0.1", vtn.port))
    try:
        yield vtn
    finally:
        await runner.cleanup()


async def polls(vtn: ScriptedVtn, more: int = 2) -> None:
    """Wait for some more polls, that is for whole turns of the VEN."""
    goal = len(vtn.named("oadrPoll")) + more
    await eventually(lambda: len(vtn.named("oadrPoll")) >= goal)
