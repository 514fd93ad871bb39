"""The VEN over HTTP: what it refuses, and that it never gives up."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest
from aiohttp import web

from cariflex_openadr.clients.vtn import VtnClient, VtnError
from cariflex_openadr.settings import Listen
from cariflex_openadr.settings.vtn import VtnSettings
from cariflex_openadr.ven import Ven
from cariflex_openadr.vtn import Vtn
from cariflex_service.runtime import start_site, utc_now
from support import BOMB, VEN_ID, eventually
from support.ven import FlexMeasuresDouble, status, ven_config


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
    client = VtnClient(f"http://127.0.0.1:{bombing_port}", "cariflex-ven", VEN_ID)
    with pytest.raises(VtnError, match="DOCTYPE"):
        await client.poll()
    await client.close()


def _all_answered(vtn: Vtn) -> bool:
    return not vtn.store.mirror.news(VEN_ID, utc_now())


async def test_ven__vtn_down_at_start_then_restarted__never_gives_up(
    vtn_settings: VtnSettings, flexmeasures: FlexMeasuresDouble
) -> None:
    """openleadr's run() ends when the VTN is down; ours polls for ever, and needs no new registration."""
    first = Vtn(vtn_settings)
    await first.start()
    port = first.openadr_port
    await first.stop()
    ven = Ven(ven_config(port), flexmeasures)
    await ven.start()
    await eventually(lambda: ven.agent.last_error != "")
    assert (await status(ven, "/healthz"))["status"] == "failing"
    for _ in range(2):
        vtn = Vtn(replace(vtn_settings, openadr=Listen("127.0.0.1", port)))
        await vtn.start()
        await eventually(partial(_all_answered, vtn))
        await vtn.stop()
        await eventually(lambda: ven.agent.last_error != "")
    await ven.stop()


async def test_ven__registration_cancelled__asked_to_register_again(vtn: Vtn, ven: Ven) -> None:
    """Rule: a VEN whose registration is gone is told to re-register, and does."""
    await eventually(lambda: ven.agent.last_poll is not None)
    await vtn.store.parties.set_registered(VEN_ID, False)
    await eventually(lambda: registered(vtn))


def registered(vtn: Vtn) -> bool:
    known = vtn.store.mirror.ven(VEN_ID)
    return known is not None and known.registered
