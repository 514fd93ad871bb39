"""The VTN over HTTP: what it refuses, whom it serves."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from random import Random

import aiohttp
import pytest
from openleadr.messaging import create_message

from cariflex_openadr.clients.vtn import VtnClient, VtnError
from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.orders import Order
from cariflex_openadr.messages.xml_tree import find_all, text
from cariflex_openadr.vtn import Vtn
from support import BOMB, VEN_ID
from support.vtn import openadr_url, operator


@pytest.mark.parametrize("service", ["EiEvent", "OadrPoll", "EiRegisterParty", "EiReport", "EiOpt"])
async def test_vtn__dtd_bomb__refused_and_still_serving(vtn: Vtn, service: str) -> None:
    """An unauthenticated POST with a DTD must not reach the parser, which it would crash."""
    headers = {"Content-Type": "application/xml"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(openadr_url(vtn, service), data=BOMB) as reply:
            assert reply.status == 400
        async with session.post(openadr_url(vtn, service), data=BytesIO(b"<a/>" + b" " * 3_000_000)) as reply:
            assert reply.status in (400, 413)
        async with session.post(openadr_url(vtn, service), json={}) as reply:
            assert reply.status in (400, 415)
    assert (await operator(vtn, "GET", "/healthz"))[0] == 200


async def test_vtn__unknown_event_answered__452(vtn: Vtn) -> None:
    """Rule 21: an eventID that was never offered is answered with 452, not with HTTP 500."""
    head = {"response_code": 200, "response_description": "OK", "request_id": "r"}
    item = {**head, "event_id": "nobody-knows", "modification_number": 0, "opt_type": "optIn"}
    text = create_message("oadrCreatedEvent", ven_id=VEN_ID, response=head, event_responses=[item])
    await vtn.store.parties.set_registered(VEN_ID, True)
    headers, url = {"Content-Type": "application/xml"}, openadr_url(vtn, "EiEvent")
    async with aiohttp.ClientSession() as session, session.post(url, data=text, headers=headers) as reply:
        assert reply.status == 200
        assert ">452<" in await reply.text()


async def test_vtn__unknown_ven__not_registered(vtn: Vtn) -> None:
    """Only configured VENs are served."""
    stranger = VtnClient(openadr_url(vtn, "").rstrip("/"), "stranger", "stranger")
    with pytest.raises(VtnError, match="463"):
        await stranger.register("x")
    assert (await stranger.poll()).name == "oadrRequestReregistration"
    await stranger.close()


async def test_vtn__active_simple_event__current_value_is_its_level(vtn: Vtn) -> None:
    """Rule 14 on the wire: openleadr's preflight would send 0 for an active SIMPLE event."""
    start = datetime.now(UTC).replace(second=0, microsecond=0)
    order = Order(SignalKind.DEMAND_RESPONSE, ((timedelta(minutes=5), 2),), start=start)
    event = await vtn.publisher.dispatch(order)
    client = VtnClient(openadr_url(vtn, "").rstrip("/"), "cariflex-ven", VEN_ID)
    await client.register("reg-1")
    reply = await client.request_events()
    await client.close()
    events = find_all(reply.message, "oadrEvent/eiEvent")
    found = {text(item, "eventDescriptor/eventID"): item for item in events}[event.event_id]
    assert text(found, "eventDescriptor/eventStatus") == "active"
    assert text(found, "eiEventSignals/eiEventSignal/currentValue/payloadFloat/value") in ("2", "2.0")


async def test_vtn__broken_messages__4xx_and_never_500(vtn: Vtn) -> None:
    """Whatever is cut, changed or foreign in a message is the sender's error, and the VTN goes on serving."""
    await vtn.store.parties.set_registered(VEN_ID, True)
    whole = create_message("oadrRequestEvent", ven_id=VEN_ID, request_id="r").encode()
    chance = Random(20261123)
    broken: list[bytes] = [
        b"",
        b"<",
        b"<a/>",
        b"\xff\xfe",
        b"{}",
        whole + whole,
        whole.replace(b"ei:venID", b"ei:vtnID"),
    ]
    for _ in range(150):
        place = chance.randrange(len(whole))
        broken.append(whole[:place])
        broken.append(whole[:place] + bytes([chance.randrange(256)]) + whole[place + 1 :])
    headers, url = {"Content-Type": "application/xml"}, openadr_url(vtn, "EiEvent")
    async with aiohttp.ClientSession(headers=headers) as session:
        for content in broken:
            vtn.api.strangers.forgive()
            async with session.post(url, data=content) as reply:
                assert reply.status in (200, 400, 403), (reply.status, content)
        async with session.post(url, data=BytesIO(b"x" * 3_000_000)) as reply:
            assert reply.status == 413
        async with session.post(openadr_url(vtn, "EiNothing"), data=whole) as reply:
            assert reply.status == 404
        async with session.get(url) as reply:
            assert reply.status == 405
        async with session.post(url, data=whole) as reply:
            assert reply.status == 200
