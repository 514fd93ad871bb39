"""Messages as a VEN gets them, and as it sends them."""

from typing import Any

import aiohttp
from lxml import etree
from openleadr.messaging import create_message, parse_message

from cariflex_openadr.messages import replies
from cariflex_openadr.messages.document import EI, Element, message_of, parse
from cariflex_openadr.vtn import Vtn
from support import VEN_ID
from support.vtn import openadr_url

XML = {"Content-Type": "application/xml"}


def distribution(vtn: Vtn, ven_id: str = VEN_ID) -> Element:
    """The VTN's oadrDistributeEvent at this moment, checked against the schema."""
    events, now = vtn.store.mirror.distribution(ven_id, vtn.clock()), vtn.clock()
    text = vtn.services.distribution.render("request", events, ven_id, now)
    return parse(replies.payload(text).encode())


def as_openleadr_reads(payload: Element) -> dict[str, Any]:
    """What openleadr's parser makes of a document."""
    _, found = parse_message(etree.tostring(payload))
    return dict(found)


async def send(
    vtn: Vtn, service: str, text: str | bytes, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """HTTP status and body of the answer to a document."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(openadr_url(vtn, service), data=text, headers=headers or XML) as reply,
    ):
        return reply.status, await reply.text()


async def ask(vtn: Vtn, service: str, message_type: str, **payload: Any) -> tuple[str, Element]:
    """Kind and element of the VTN's answer to a message that openleadr renders."""
    text = create_message(message_type, **{"ven_id": VEN_ID, "request_id": "request-1", **payload})
    status, body = await send(vtn, service, text)
    assert status == 200, body
    message = message_of(parse(body.encode()))
    return etree.QName(message).localname, message


def code(message: Element) -> str:
    """responseCode of a message."""
    return str(message.findtext(f"{EI}eiResponse/{EI}responseCode"))


def head(request_id: str = "request-1") -> dict[str, Any]:
    """eiResponse of a message that says yes."""
    return {"response_code": 200, "response_description": "OK", "request_id": request_id}
