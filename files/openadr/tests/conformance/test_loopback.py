"""VTN and VEN over HTTP, ours with ours: events through both, and the operator's commands."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cariflex_openadr import venctl, vtnctl
from cariflex_openadr.ven import Ven
from cariflex_openadr.vtn import Vtn
from cariflex_service.runtime import utc_now
from support import VEN_ID, eventually
from support.ven import FlexMeasuresDouble, status
from support.vtn import PRICES, TOKEN, operator


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

    await eventually(lambda: not vtn.store.mirror.news(VEN_ID, utc_now()))
    _, events = await operator(vtn, "GET", f"/events/{event['event_id']}")
    assert [(opt["modification"], opt["opt"]) for opt in events["opts"]] == [(1, "optIn")]
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


async def test_control_commands__against_running_services(
    vtn: Vtn, ven: Ven, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """vtnctl and venctl speak to the services' own HTTP; exit code 1 with the service's words on refusal."""
    await eventually(lambda: ven.agent.last_poll is not None)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    at_vtn = ["--url", f"127.0.0.1:{vtn.operator_port}", "--token-file", str(token)]
    at_ven = ["--url", f"127.0.0.1:{ven.status_port}"]
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
    assert (
        await asyncio.to_thread(vtnctl.run, ["--url", "127.0.0.1:1", "--token-file", str(token), "health"])
        == 1
    )
