"""The operator's face: what its description promises, day files, and vtnctl's commands."""

import asyncio
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cariflex_openadr import vtnctl
from cariflex_openadr.api.operator import OperatorApi
from cariflex_openadr.domain.program import local_day
from cariflex_openadr.vtn import Vtn
from cariflex_service.runtime import utc_now
from support import VEN_ID
from support.messages import ask
from support.vtn import PRICES, TOKEN, operator

Ctl = Callable[..., Any]


@pytest.fixture
def ctl(vtn: Vtn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ctl:
    """vtnctl with --json against the running VTN: exit code and answer, or its words."""
    token = tmp_path / "operator-token"
    token.write_text(TOKEN, encoding="utf-8")
    target = ["--url", f"127.0.0.1:{vtn.operator_port}", "--token-file", str(token)]

    async def run(*words: str, table: bool = False) -> tuple[int, Any]:
        code = await asyncio.to_thread(vtnctl.run, [*target, *words, *([] if table else ["--json"])])
        shown = capsys.readouterr()
        return code, shown.err if code else shown.out if table else json.loads(shown.out)

    return run


def today(vtn: Vtn) -> date:
    return local_day(utc_now(), vtn.settings.program.timezone)


async def test_openapi__describes_every_route_and_no_other(vtn: Vtn) -> None:
    """The description and the routes are the same set."""
    api = OperatorApi(
        vtn.publisher, vtn.store, vtn.authority, TOKEN, list, dict, utc_now, vtn.settings.reports
    )
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in api.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    _, described = await operator(vtn, "GET", "/openapi.json")
    verbs = ("get", "post", "put", "patch")
    listed = {(verb, path) for path, item in described["paths"].items() for verb in item if verb in verbs}
    assert listed == routes
    assert isinstance(api.app, web.Application)


async def test_program__day_file__on_offer_events_are_modified(vtn: Vtn, ctl: Ctl, tmp_path: Path) -> None:
    """A CSV of today's prices modifies the event on offer; the same file again changes nothing."""
    rows = "".join(f"{hour},{price + 50}\n" for hour, price in enumerate(PRICES))
    file = tmp_path / "day.csv"
    file.write_text(f"hour,price_eur_per_mwh\n{rows}", encoding="utf-8")
    day = today(vtn)
    code, answer = await ctl("program", day.isoformat(), str(file))
    assert code == 0
    found = [(event["event_id"], event["modification"]) for event in answer["events"]]
    assert found == [(f"price-{day.isoformat()}", 1)]
    values = [item["value"] for item in answer["events"][0]["signals"][0]["intervals"]]
    assert values == [price + 50 for price in PRICES]
    assert (await ctl("program", day.isoformat(), str(file)))[1]["events"] == []


async def test_program__broken_or_past__refused_whole(vtn: Vtn, ctl: Ctl, tmp_path: Path) -> None:
    """A wrong file changes nothing, neither now nor later; the past cannot be programmed."""
    file = tmp_path / "day.json"
    file.write_text(json.dumps({"prices_eur_per_mwh": [1, 2], "load_control": None}), encoding="utf-8")
    tomorrow = today(vtn) + timedelta(days=1)
    code, words = await ctl("program", tomorrow.isoformat(), str(file))
    assert (code, "24 numbers" in words) == (1, True)
    assert await vtn.store.database.rows("SELECT * FROM program_day") == []
    file.write_text("{}", encoding="utf-8")
    code, words = await ctl("program", (today(vtn) - timedelta(days=1)).isoformat(), str(file))
    assert (code, "today or later" in words) == (1, True)
    assert (await ctl("program", "soon", str(file)))[0] == 1
    assert (await ctl("program", tomorrow.isoformat(), str(tmp_path / "none")))[0] == 1


async def test_vtnctl__offset_modify_wait_cancel(vtn: Vtn, ctl: Ctl) -> None:
    """A percent offset for one VEN is modified, delivered, waited for in vain, cancelled."""
    await vtn.store.parties.set_registered(VEN_ID, True)
    words = ["--percent-offset", "-20", "--duration", "600", "--ven", VEN_ID, "--resource", "battery_01"]
    code, event = await ctl("load-control", *words)
    assert code == 0
    signal = event["signals"][0]
    assert (signal["type"], signal["intervals"][0]["value"]) == ("x-loadControlPercentOffset", -20)
    assert (event["ven_ids"], event["resource_ids"], event["vens_expected"]) == ([VEN_ID], ["battery_01"], 1)
    name = event["event_id"]
    code, changed = await ctl("modify", name, "--value", "-30", "--duration", "1200", "--priority", "3")
    assert (code, changed["modification"], changed["duration_s"], changed["priority"]) == (0, 1, 1200, 3)
    code, refused = await ctl("modify", name, "--value", "-130", "--duration", "600")
    assert (code, "-100 to 100" in refused) == (1, True)
    await ask(vtn, "OadrPoll", "oadrPoll")
    code, shown = await ctl("event", name)
    assert (code, shown["modification"], shown["vens_delivered"]) == (0, 1, 1)
    code, refused = await ctl("wait", name, "--timeout", "0")
    assert (code, "0 of 1 VENs" in refused) == (1, True)
    assert (await ctl("cancel", name))[1]["status"] == "cancelled"
    assert (await ctl("event", "nobody"))[0] == 1


async def test_vtnctl__ven_add_show_revoke(ctl: Ctl) -> None:
    """A VEN's certificate is issued and its fingerprint printed; a revoked VEN says so; names are unique."""
    code, shown = await ctl("ven", "add", "site-7", table=True)
    assert (code, "FINGERPRINT" in shown, "PRIVATE KEY" in shown) == (0, True, True)
    code, issued = await ctl("ven", "add", "site-7", "--key-type", "rsa")
    assert (code, len(issued["fingerprint"])) == (0, 64)
    assert (await ctl("ven", "show", "site-7"))[1]["fingerprint"] == issued["fingerprint"]
    code, refused = await ctl("ven", "add", "site-8", "--name", "site-7")
    assert (code, "another VEN's" in refused) == (1, True)
    assert (await ctl("ven", "add", "no spaces"))[0] == 1
    assert (await ctl("ven", "revoke", "site-7"))[1]["revoked_at"] is not None
    assert (await ctl("ven", "revoke", "nobody"))[0] == 1
    for command in ("events", "vens", "reports", "health"):
        assert (await ctl(command, table=True))[0] == 0


async def test_operator__no_json_or_too_much__4xx(vtn: Vtn) -> None:
    """Bodies that are no JSON object, and paths that are none, are the sender's error."""
    url = f"http://127.0.0.1:{vtn.operator_port}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for body in (b"{", b"[]", b"\xff"):
            async with session.post(f"{url}/events", data=body) as reply:
                assert (reply.status, "error" in await reply.json()) == (422, True)
        async with session.get(f"{url}/nothing") as reply:
            assert reply.status == 404
        async with session.get(f"{url}/events?limit=x") as reply:
            assert reply.status == 422
