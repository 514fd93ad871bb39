"""VTN and VENs over HTTP: ours with ours, and a real openleadr VEN with our VTN."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from openleadr import OpenADRClient
from openleadr.messaging import create_message

from cariflex_openadr import venctl, vtnctl
from cariflex_openadr.clients.vtn import VtnClient, VtnError
from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.runtime import start_site
from cariflex_openadr.settings import Listen
from cariflex_openadr.ven import Ven
from cariflex_openadr.vtn import Vtn
from support import PRICES, VEN_ID, FlexMeasuresDouble, eventually, ven_config, vtn_config

BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><oadrPayload>&b;</oadrPayload>'


async def operator(vtn: Vtn, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{vtn.operator_port}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as reply:
        text = await reply.text()
        return reply.status, json.loads(text) if text.startswith("{") else text


async def status(ven: Ven, path: str = "/status") -> Any:
    url = f"http://127.0.0.1:{ven.status_port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return await (reply.json() if "json" in reply.content_type else reply.text())


def openadr_url(vtn: Vtn, service: str) -> str:
    return f"http://127.0.0.1:{vtn.openadr_port}/OpenADR2/Simple/2.0b/{service}"


@pytest.mark.parametrize("service", ["EiEvent", "OadrPoll", "EiRegisterParty", "EiReport"])
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


@pytest.fixture
async def bombing_port() -> AsyncIterator[int]:
    """A VTN that answers everything with a DTD bomb."""

    async def bomb(_: web.Request) -> web.Response:
        return web.Response(body=BOMB, content_type="application/xml")

    app = web.Application()
    app.add_routes([web.post("/{tail:.*}", bomb)])
    runner, port = await start_site(app, Listen("127.0.0.1", 0))
    yield port
    await runner.cleanup()


async def test_ven__dtd_bomb_in_a_reply__refused(bombing_port: int) -> None:
    """The VEN has the same parser: replies pass the same guard."""
    client = VtnClient(f"http://127.0.0.1:{bombing_port}", "cariflex-ven", VEN_ID, "reg-1")
    with pytest.raises(VtnError, match="DOCTYPE"):
        await client.poll()
    await client.close()


async def test_program__through_both_services__values_with_units_and_times(
    vtn: Vtn, ven: Ven, flexmeasures: FlexMeasuresDouble
) -> None:
    """Price, load control and SIMPLE reach sensors 84, 86 and 87 converted; every event is opted in."""
    await eventually(lambda: {post.sensor_id for post in flexmeasures.posts} >= {84, 86, 87})
    prices = flexmeasures.latest(84)
    assert list(prices.values()) == PRICES
    assert min(prices).hour == 4
    assert set(flexmeasures.latest(86).values()) == {60}
    assert list(flexmeasures.latest(87).values()) == pytest.approx([2 / 3] * 60)
    _, vens = await operator(vtn, "GET", "/vens")
    assert {opt["opt"] for opt in vens["vens"][0]["opts"]} == {"optIn"}
    assert len(vens["vens"][0]["opts"]) == 3
    _, events = await operator(vtn, "GET", "/events")
    assert all(event["opts"] for event in events["events"])
    report = await status(ven)
    assert {row["sensor_id"] for row in report["events"]} == {84, 86, 87}
    assert all(row["posted_at"] and row["responded_at"] for row in report["events"])
    assert (await status(ven, "/healthz"))["status"] == "ok"
    assert "cariflex_ven_poll_age_seconds" in await status(ven, "/metrics")
    assert "cariflex_vtn_ven_poll_age_seconds" in (await operator(vtn, "GET", "/metrics"))[1]


async def test_operator__load_control_then_cancel__percent_and_back(
    vtn: Vtn, ven: Ven, flexmeasures: FlexMeasuresDouble
) -> None:
    """An operator's event is followed at once; cancelling gives 100 % back, or the daily program's cap."""
    code, event = await operator(
        vtn, "POST", "/events", {"type": "load_control", "value": 0.4, "duration_s": 300}
    )
    assert code == 201
    await eventually(lambda: sorted(flexmeasures.latest(86).values())[:5] == [40] * 5)
    code, cancelled = await operator(vtn, "POST", f"/events/{event['event_id']}/cancel")
    assert (code, cancelled["modification"], cancelled["status"]) == (200, 1, "cancelled")
    await eventually(lambda: 40 not in flexmeasures.latest(86).values())
    keys = {(row["event_id"], row["modification"]) for row in (await status(ven))["events"]}
    assert {(event["event_id"], 0), (event["event_id"], 1)} <= keys


async def test_operator__republished_price__each_modification_answered_and_posted(
    vtn: Vtn, ven: Ven, flexmeasures: FlexMeasuresDouble
) -> None:
    """openleadr's VTN loses the opt for a modification; ours keeps it."""
    await eventually(lambda: len(flexmeasures.latest(84)) == 24)
    _, event = await operator(vtn, "POST", "/events/price/today/modify")
    assert event["modification"] == 1

    def answered() -> bool:
        return vtn.store.opt(VEN_ID, event["event_id"], 1) is not None

    await eventually(answered)
    await eventually(lambda: sum(post.sensor_id == 84 for post in flexmeasures.posts) >= 2)
    rows = [row for row in (await status(ven))["events"] if row["event_id"] == event["event_id"]]
    assert [row["modification"] for row in rows] == [0, 1]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"type": "load_control", "value": 1.2, "duration_s": 300}, 422, "0 to 1"),
        ({"type": "load_control", "value": 0.5, "duration_s": 90}, 422, "multiple of 60"),
        ({"type": "simple", "level": 4, "duration_s": 60}, 422, "0, 1, 2 or 3"),
        ({"type": "price", "value": 1, "duration_s": 60}, 422, "expected one of"),
        ({"type": "simple", "level": 1, "duration_s": 60, "start": "2026-11-23T12:00:00"}, 422, "offset"),
        ({"type": "simple", "level": 1, "duration_s": 60, "start": "2020-01-01T00:00Z"}, 422, "future"),
        ({"type": "simple", "value": 1, "duration_s": 60}, 422, "keys"),
    ],
)
async def test_operator__bad_request__refused_in_words(
    vtn: Vtn, body: dict[str, Any], code: int, words: str
) -> None:
    """What may not be offered is refused before it is stored, with object, value and expectation."""
    found, answer = await operator(vtn, "POST", "/events", body)
    assert found == code
    assert words in answer["error"]
    assert (await operator(vtn, "POST", "/events/none/cancel"))[0] == 404


def _all_answered(vtn: Vtn) -> bool:
    return not vtn.publisher.has_news(VEN_ID)


async def test_ven__vtn_down_at_start_then_restarted__never_gives_up(
    flexmeasures: FlexMeasuresDouble,
) -> None:
    """openleadr's run() ends when the VTN is down; ours polls for ever, and needs no new registration."""
    first = Vtn(vtn_config())
    await first.start()
    port = first.openadr_port
    await first.stop()
    ven = Ven(ven_config(port), flexmeasures)
    await ven.start()
    await eventually(lambda: ven.agent.last_error != "")
    assert (await status(ven, "/healthz"))["status"] == "failing"
    for _ in range(2):
        vtn = Vtn(replace(vtn_config(), openadr=Listen("127.0.0.1", port)))
        await vtn.start()
        await eventually(partial(_all_answered, vtn))
        await vtn.stop()
        await eventually(lambda: ven.agent.last_error != "")
    await ven.stop()


async def test_ven__registration_cancelled__asked_to_register_again(vtn: Vtn, ven: Ven) -> None:
    """Rule: a VEN whose registration is gone is told to re-register, and does."""
    await eventually(lambda: ven.agent.last_poll is not None)
    vtn.store.set_registered(VEN_ID, False)
    await eventually(lambda: vtn.store.is_registered(VEN_ID))


async def test_vtn__unknown_event_answered__452(vtn: Vtn) -> None:
    """Rule 21: an eventID that was never offered is answered with 452, not with HTTP 500."""
    head = {"response_code": 200, "response_description": "OK", "request_id": "r"}
    item = {**head, "event_id": "nobody-knows", "modification_number": 0, "opt_type": "optIn"}
    text = create_message("oadrCreatedEvent", ven_id=VEN_ID, response=head, event_responses=[item])
    headers, url = {"Content-Type": "application/xml"}, openadr_url(vtn, "EiEvent")
    async with aiohttp.ClientSession() as session, session.post(url, data=text, headers=headers) as reply:
        assert reply.status == 200
        assert ">452<" in await reply.text()


async def test_vtn__unknown_ven__not_registered(vtn: Vtn) -> None:
    """Only configured VENs are served."""
    stranger = VtnClient(openadr_url(vtn, "").rstrip("/"), "stranger", "stranger", "x")
    with pytest.raises(VtnError, match="refused"):
        await stranger.register()
    kind, _ = await stranger.poll()
    assert kind == "oadrRequestReregistration"
    await stranger.close()


async def test_openleadr_ven__served_by_our_vtn(vtn: Vtn) -> None:
    """A VEN that is not ours registers, receives all events once, and its answers are kept."""
    seen: list[str] = []

    async def take(event: dict[str, Any]) -> str:
        seen.append(event["event_descriptor"]["event_id"])
        return "optIn"

    client = OpenADRClient(ven_name="cariflex-ven", vtn_url=openadr_url(vtn, "").rstrip("/"), ven_id=VEN_ID)
    client.add_handler("on_event", take)
    client.add_handler("on_update_event", take)
    await client.run()
    await eventually(lambda: not vtn.publisher.has_news(VEN_ID))
    assert {name.rsplit("-20", 1)[0] for name in seen} == {"price", "load-control", "demand-response"}
    vtn.publisher.republish_price()
    await eventually(lambda: not vtn.publisher.has_news(VEN_ID))
    await client.stop()


async def test_vtn__active_simple_event__current_value_is_its_level(vtn: Vtn) -> None:
    """Rule 14 on the wire: openleadr's preflight would send 0 for an active SIMPLE event."""
    start = datetime.now(UTC).replace(second=0, microsecond=0)
    event = vtn.publisher.dispatch(SignalKind.DEMAND_RESPONSE, 2, timedelta(minutes=5), start)
    client = VtnClient(openadr_url(vtn, "").rstrip("/"), "cariflex-ven", VEN_ID, "reg-1")
    _, payload = await client.request_events()
    await client.close()
    found = {item["event_descriptor"]["event_id"]: item for item in payload["events"]}[event.event_id]
    assert found["event_descriptor"]["event_status"] == "active"
    assert found["event_signals"][0]["current_value"] == 2


async def test_control_commands__against_running_services(
    vtn: Vtn, ven: Ven, capsys: pytest.CaptureFixture[str]
) -> None:
    """vtnctl and venctl speak to the services' own HTTP; exit code 1 with the service's words on refusal."""
    await eventually(lambda: ven.agent.last_poll is not None)
    at_vtn, at_ven = ["--url", f"127.0.0.1:{vtn.operator_port}"], ["--url", f"127.0.0.1:{ven.status_port}"]
    for command in (["health"], ["vens"], ["events"], ["republish-price"]):
        assert await asyncio.to_thread(vtnctl.run, [*at_vtn, *command]) == 0
    for command in (["health"], ["status"]):
        assert await asyncio.to_thread(venctl.run, [*at_ven, *command]) == 0
    capsys.readouterr()
    load = ["load-control", "--capacity", "0.4", "--duration", "300", "--json"]
    assert await asyncio.to_thread(vtnctl.run, [*at_vtn, *load]) == 0
    event = json.loads(capsys.readouterr().out)
    assert event["signals"][0]["intervals"][0]["value"] == 0.4
    assert await asyncio.to_thread(vtnctl.run, [*at_vtn, *load]) == 1
    assert event["event_id"] in capsys.readouterr().err
    assert await asyncio.to_thread(vtnctl.run, [*at_vtn, "cancel", event["event_id"]]) == 0
    assert await asyncio.to_thread(vtnctl.run, ["--url", "127.0.0.1:1", "health"]) == 1
