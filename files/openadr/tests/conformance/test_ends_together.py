"""Our VEN with our VTN from end to end: over TLS, signed, on P-256 and RSA; a stranger between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cariflex_openadr.settings import Listen
from cariflex_openadr.settings.ven import SigningSettings, TlsSettings, VenSettings
from cariflex_openadr.settings.vtn import VtnSettings
from cariflex_openadr.ven import Ven
from cariflex_openadr.vtn import Vtn
from cariflex_service.runtime import start_site, utc_now
from support import eventually
from support.certified_ven import Certified
from support.messages import XML
from support.ven import FlexMeasuresDouble, ven_config
from support.vtn import operator

SITE = "site-1"


@asynccontextmanager
async def served(settings: VtnSettings, **security: Any) -> AsyncIterator[Vtn]:
    """A VTN with both doors that wants signatures."""
    changed = replace(
        settings.security, tls=Listen("127.0.0.1", 0), **({"signature_required": True} | security)
    )
    vtn = Vtn(replace(settings, security=changed))
    await vtn.start()
    try:
        yield vtn
    finally:
        await vtn.stop()


def settings_of(vtn: Vtn, ven: Certified, *, tls: bool, signed: bool = True) -> VenSettings:
    """Settings of our VEN for the certificate that the VTN's operator issued."""
    plain = ven_config(vtn.openadr_port)
    return replace(
        plain,
        ven_name=ven.ven_id,
        ven_id=ven.ven_id,
        registration_id="",
        vtn_url=f"https://localhost:{vtn.tls_port}/OpenADR2/Simple/2.0b" if tls else plain.vtn_url,
        tls=TlsSettings(ven.ca, ven.certificate, ven.key) if tls else None,
        signing=SigningSettings(ven.certificate, ven.key, frozenset({ven.vtn_fingerprint}))
        if signed
        else None,
    )


@asynccontextmanager
async def running(settings: VenSettings) -> AsyncIterator[tuple[Ven, FlexMeasuresDouble]]:
    flexmeasures = FlexMeasuresDouble()
    ven = Ven(settings, flexmeasures)
    await ven.start()
    try:
        yield ven, flexmeasures
    finally:
        await ven.stop()


def settled(vtn: Vtn) -> bool:
    known = vtn.store.mirror.ven(SITE)
    return known is not None and known.registered and not vtn.store.mirror.news(SITE, utc_now())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("key_type", ["ec", "rsa"])
async def test_signed__program_modification_cancellation_reports(
    vtn_settings: VtnSettings, tmp_path: Path, key_type: str, tls: bool
) -> None:
    """Registration, events, opts, a modification, a cancellation, reports: all signed, both ways."""
    async with served(vtn_settings, key_type=key_type) as vtn:
        ven = await Certified.add(vtn, tmp_path, SITE, key_type)
        settings = replace(settings_of(vtn, ven, tls=tls), resources=frozenset({"battery_01"}))
        async with running(settings) as (service, flexmeasures):
            await eventually(lambda: settled(vtn), 30)
            await eventually(lambda: {post.sensor_id for post in flexmeasures.posts} >= {84, 86, 87}, 30)
            body = {"type": "load_control", "value": 0.4, "duration_s": 300}
            _, event = await operator(vtn, "POST", "/events", body)
            await eventually(lambda: 40 in flexmeasures.latest(86).values(), 30)
            await operator(vtn, "PATCH", f"/events/{event['event_id']}", {"value": 0.3, "duration_s": 300})
            await eventually(lambda: 30 in flexmeasures.latest(86).values(), 30)
            await operator(vtn, "POST", f"/events/{event['event_id']}/cancel")
            await eventually(lambda: not {30, 40} & set(flexmeasures.latest(86).values()), 30)
            await eventually(lambda: settled(vtn), 30)
            assert service.agent.last_error == ""
            _, reports = await operator(vtn, "GET", "/reports")
        assert [(row["ven_id"], row["r_id"]) for row in reports["reports"]] == [(SITE, "battery_01")]
        assert "http_403" not in vtn.api.counts


async def test_tls__unsigned__served_by_its_certificate_alone(
    vtn_settings: VtnSettings, tmp_path: Path
) -> None:
    """Where signatures are not required, mutual TLS is proof enough."""
    async with served(vtn_settings, signature_required=False) as vtn:
        ven = await Certified.add(vtn, tmp_path, SITE)
        async with running(settings_of(vtn, ven, tls=True, signed=False)):
            await eventually(lambda: settled(vtn), 30)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_revoked_ven__gets_nothing_and_comes_back_with_a_new_certificate(
    vtn_settings: VtnSettings, tmp_path: Path, tls: bool
) -> None:
    """A revocation ends a running VEN's access at its next message, whatever connection it holds."""
    async with served(vtn_settings) as vtn:
        ven = await Certified.add(vtn, tmp_path, SITE)
        async with running(settings_of(vtn, ven, tls=tls)) as (service, flexmeasures):
            await eventually(lambda: settled(vtn), 30)
            assert (await operator(vtn, "POST", f"/vens/{SITE}/revoke"))[0] == 200
            await eventually(lambda: "HTTP 403" in service.agent.last_error, 30)
            body = {"type": "load_control", "value": 0.4, "duration_s": 300}
            await operator(vtn, "POST", "/events", body)
            polled = service.agent.last_poll
            refused = vtn.api.counts["http_403"]
            await eventually(lambda: vtn.api.counts["http_403"] > refused, 30)
            assert service.agent.last_poll == polled
            assert 40 not in flexmeasures.latest(86).values()
        # What was revoked stays so: the old key does not come in again, a new certificate does.
        fresh = await Certified.add(vtn, tmp_path, SITE)
        async with running(settings_of(vtn, fresh, tls=tls)) as (_, flexmeasures):
            await eventually(lambda: 40 in flexmeasures.latest(86).values(), 30)


@dataclass
class Eavesdropper:
    """Between VEN and VTN: hands on what is said, keeps it, and can say it again to either."""

    vtn: Vtn
    requests: dict[str, list[bytes]]
    answers: list[bytes]
    replayed: bytes = b""

    async def hand_on(self, request: web.Request) -> web.Response:
        body, service = await request.read(), request.match_info["service"]
        self.requests.setdefault(service, []).append(body)
        if self.replayed:
            return web.Response(body=self.replayed, content_type="application/xml")
        status, answer = await self.say_again(service, body)
        self.answers.append(answer)
        return web.Response(status=status, body=answer, content_type="application/xml")

    async def say_again(self, service: str, body: bytes) -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.vtn.openadr_port}/OpenADR2/Simple/2.0b/{service}"
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=XML) as reply:
            return reply.status, await reply.read()


async def test_replay__of_either_side__not_taken(vtn_settings: VtnSettings, tmp_path: Path) -> None:
    """A VEN's message passes once, to whatever service; an answer of the VTN's is believed once."""
    async with served(vtn_settings) as vtn:
        between = Eavesdropper(vtn, {}, [])
        app = web.Application()
        app.add_routes([web.post("/OpenADR2/Simple/2.0b/{service}", between.hand_on)])
        runner, port = await start_site(app, Listen("127.0.0.1", 0))
        ven = await Certified.add(vtn, tmp_path, SITE)
        settings = settings_of(vtn, ven, tls=False)
        settings = replace(settings, vtn_url=settings.vtn_url.replace(str(vtn.openadr_port), str(port)))
        async with running(settings) as (service, _):
            await eventually(lambda: settled(vtn), 30)
            for name, bodies in list(between.requests.items()):
                assert await between.say_again(name, bodies[0]) == (403, b"refused\n")
            # The other way: an old answer, word for word, in place of the one that was asked for.
            between.replayed = between.answers[-1]
            await eventually(lambda: "nonce" in service.agent.last_error, 30)
            polled = service.agent.last_poll
            await asyncio.wait_for(_more(between, 3), 30)
            assert service.agent.last_poll == polled
            between.replayed = b""
            await eventually(lambda: service.agent.last_poll != polled, 30)
        await runner.cleanup()


async def _more(between: Eavesdropper, messages: int) -> None:
    goal = sum(map(len, between.requests.values())) + messages
    await eventually(lambda: sum(map(len, between.requests.values())) >= goal, 30)
