"""EiReport: offers, what is asked for by the plan and by operators, values; through restarts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from openleadr.messaging import create_message

from cariflex_openadr.domain.reports import ReportPlan
from cariflex_openadr.messages.document import EI, PYLD, Element
from cariflex_openadr.settings.vtn import VtnSettings
from cariflex_openadr.vtn import Vtn
from support import VEN_ID, TurnableClock, eventually
from support.messages import ask, code, head, send
from support.reports import offer, register_report, update
from support.vtn import operator

HOUR = timedelta(hours=1)
PLAN = ReportPlan(timedelta(minutes=1), timedelta(minutes=1))
ORDER = {"ven_id": VEN_ID, "specifier_id": "usage"}
Started = Callable[..., Awaitable[Vtn]]


@pytest.fixture
async def started(vtn_settings: VtnSettings, clock: TurnableClock) -> AsyncIterator[Started]:
    """Starts a VTN with a report plan, on the same database as all others."""
    async with AsyncExitStack() as stack:

        async def start(plan: ReportPlan = PLAN) -> Vtn:
            vtn = Vtn(replace(vtn_settings, reports=plan), clock=clock)
            await vtn.start()
            stack.push_async_callback(vtn.stop)
            return vtn

        yield start


@pytest.fixture
async def served(started: Started) -> Vtn:
    """A VTN with a registered VEN."""
    vtn = await started()
    await vtn.store.parties.set_registered(VEN_ID, True)
    return vtn


async def told(vtn: Vtn) -> tuple[str, list[str | None], Element]:
    """Kind of a poll's answer, the ids of the report requests in it, and the answer."""
    kind, message = await ask(vtn, "OadrPoll", "oadrPoll")
    return kind, [item.text for item in message.iter(f"{EI}reportRequestID")], message


async def confirm(
    vtn: Vtn, *request_ids: str, response_code: int = 200, kind: str = "oadrCreatedReport"
) -> None:
    """A VEN's oadrCreatedReport or oadrCanceledReport with its pending reports."""
    pending = [{"report_request_id": item} for item in request_ids]
    answer = head() | {"response_code": response_code, "response_description": "no such meter"}
    answered, _ = await ask(vtn, "EiReport", kind, response=answer, pending_reports=pending)
    assert answered == "oadrResponse"


async def planned(vtn: Vtn) -> str:
    """A VEN that has offered its usage and confirmed the plan's request, whose id this is."""
    _, (request_id,), _ = await register_report(vtn, offer())
    await confirm(vtn, request_id)
    return request_id


async def asked(vtn: Vtn, **order: Any) -> str:
    """An operator's request, whose id this is."""
    status, found = await operator(vtn, "POST", "/reports/requests", ORDER | order)
    assert status == 201, found
    return str(found["reports"][0]["request_id"])


async def state(vtn: Vtn, request_id: str) -> dict[str, Any]:
    """The first of a request's rows as operators see it."""
    _, found = await operator(vtn, "GET", f"/reports?ven_id={VEN_ID}")
    return next(row for row in found["reports"] if row["request_id"] == request_id)


async def test_operators_request__told_by_poll_until_confirmed__through_a_restart(
    served: Vtn, started: Started
) -> None:
    """oadrCreateReport goes out with a poll's answer; id and points are those of before after a restart."""
    plan = await planned(served)
    request = await asked(served, r_ids=["p2"], granularity_s=900, report_back_s=3600)
    kind, ids, message = await told(served)
    assert (kind, ids) == ("oadrCreateReport", [request])
    assert [item.text for item in message.iter(f"{EI}rID")] == ["p2"]
    assert [item.text for item in message.iter() if item.tag.endswith("}duration") and item.text.strip()] == [
        "PT15M",
        "PT1H",
    ]
    assert message.findtext(f"{PYLD}requestID")
    # The reply was lost, and the VTN is another one by now.
    again = await started()
    assert (await told(again))[:2] == (kind, ids)
    await confirm(again, plan, request)
    assert (await told(again))[0] != "oadrCreateReport"
    assert (await state(again, request))["confirmed_at"] is not None
    await eventually(lambda: served.store.mirror.untold_reports(VEN_ID) is None)
    # Values under both requests are kept; the point that was not asked for is not.
    last = await started()
    for request_id, point, expected in ((plan, "p1", "200"), (request, "p2", "200"), (request, "p1", "452")):
        _, answer = await ask(last, "EiReport", "oadrUpdateReport", **update(request_id, point))
        assert code(answer) == expected


async def test_request__not_confirmed__told_again_after_a_minute_not_sooner(
    served: Vtn, clock: TurnableClock
) -> None:
    """A VEN that takes its time is not flooded, and events are not held up; a lost reply is made good."""
    await planned(served)
    request = await asked(served)
    assert (await told(served))[:2] == ("oadrCreateReport", [request])
    assert (await told(served))[0] == "oadrDistributeEvent"
    clock.forward(minutes=1)
    assert (await told(served))[:2] == ("oadrCreateReport", [request])
    # Values say more than a confirmation.
    await ask(served, "EiReport", "oadrUpdateReport", **update(request))
    clock.forward(minutes=1)
    assert (await told(served))[0] == "oadrDistributeEvent"


async def test_request__refused_by_the_ven__shown_and_not_told_again(
    served: Vtn, clock: TurnableClock
) -> None:
    """A VEN's no is kept with its words; what it holds already stays."""
    plan = await planned(served)
    request = await asked(served)
    await told(served)
    await confirm(served, plan, response_code=461)
    clock.forward(minutes=2)
    assert (await told(served))[0] == "oadrDistributeEvent"
    assert (await state(served, request))["refused"] == "461 no such meter"
    assert (await state(served, plan))["refused"] is None


async def test_request__cancelled__told_until_confirmed__its_values_refused(
    served: Vtn, started: Started, clock: TurnableClock
) -> None:
    """oadrCancelReport goes out with a poll's answer, after a restart too; what was reported stays."""
    plan = await planned(served)
    request = await asked(served)
    await confirm(served, plan, request)
    await ask(served, "EiReport", "oadrUpdateReport", **update(request, value=7.5))
    assert (await operator(served, "POST", f"/reports/requests/{request}/cancel"))[0] == 200
    assert (await told(served))[:2] == ("oadrCancelReport", [request])
    vtn = await started()
    kind, ids, message = await told(vtn)
    assert (kind, ids, message.findtext(f"{PYLD}reportToFollow")) == ("oadrCancelReport", [request], "false")
    # Still pending by its own account: told again.
    await confirm(vtn, plan, request, kind="oadrCanceledReport")
    clock.forward(minutes=1)
    assert (await told(vtn))[0] == "oadrCancelReport"
    await confirm(vtn, plan, kind="oadrCanceledReport")
    clock.forward(minutes=1)
    assert (await told(vtn))[0] == "oadrDistributeEvent"
    _, answer = await ask(vtn, "EiReport", "oadrUpdateReport", **update(request))
    assert code(answer) == "452"
    row = await state(vtn, request)
    assert (row["value"], row["cancel_confirmed_at"] is not None) == (7.5, True)
    assert (await operator(vtn, "POST", "/reports/requests/none/cancel"))[0] == 404


async def test_plan__changed__the_old_request_taken_back_and_a_new_one_made(
    served: Vtn, started: Started
) -> None:
    """A VTN that starts with another plan asks anew, once; the same plan changes nothing."""
    plan = await planned(served)
    own = await asked(served)
    await confirm(served, plan, own)
    assert (await started()).store.mirror.untold_reports(VEN_ID) is None
    vtn = await started(ReportPlan(HOUR, HOUR))
    assert (await told(vtn))[:2] == ("oadrCancelReport", [plan])
    kind, (fresh,), message = await told(vtn)
    assert (kind, fresh in (plan, own)) == ("oadrCreateReport", False)
    assert next(item for item in message.iter() if item.tag.endswith("granularity"))[0].text == "PT1H"
    await confirm(vtn, own, kind="oadrCanceledReport")
    await confirm(vtn, own, str(fresh))
    assert (await started(ReportPlan(HOUR, HOUR))).store.mirror.untold_reports(VEN_ID) is None


async def test_ven_offers_again__operators_requests_are_in_the_answer(served: Vtn) -> None:
    """A VEN that has lost its memory hears of every request, under the ids of before."""
    plan = await planned(served)
    own = await asked(served)
    await confirm(served, plan, own)
    assert set((await register_report(served, offer()))[1]) == {plan, own}


@pytest.mark.parametrize(
    ("order", "status", "words"),
    [
        ({"ven_id": "nobody"}, 404, "unknown"),
        ({"specifier_id": "other"}, 422, "expected one it offers: usage"),
        ({"r_ids": ["p9"]}, 422, "points p9; expected some of p1, p2"),
        ({"granularity_s": 60}, 422, "expected at least 900"),
        ({"granularity_s": 3600}, 422, "at most 900"),
        ({"granularity_s": 900, "report_back_s": 60}, 422, "expected at least granularity_s"),
        ({"granularity_s": 0}, 422, "at least 1"),
        ({"granularity": 900}, 422, "keys"),
        ({"r_ids": "p1"}, 422, "list of texts"),
    ],
)
async def test_operators_request__that_the_ven_could_not_follow__refused(
    served: Vtn, order: dict[str, Any], status: int, words: str
) -> None:
    """What is not offered is not asked for, and the VEN hears nothing."""
    await planned(served)
    code_, answer = await operator(served, "POST", "/reports/requests", ORDER | order)
    assert (code_, words in answer["error"]) == (status, True), answer
    assert (await told(served))[0] == "oadrDistributeEvent"


async def test_operators_request__for_history__refused(served: Vtn) -> None:
    """Only telemetry can be asked for."""
    await register_report(served, offer(name="METADATA_HISTORY_USAGE"))
    status, answer = await operator(served, "POST", "/reports/requests", ORDER)
    assert (status, "METADATA_TELEMETRY_USAGE" in answer["error"]) == (422, True)


async def test_register_report__telemetry_is_asked_for_at_its_own_pace(served: Vtn) -> None:
    """Rule: oadrRegisteredReport asks for telemetry no faster than its minimum period, not for history."""
    status, requests, message = await register_report(
        served, offer(), offer("history", "METADATA_HISTORY_USAGE")
    )
    assert (status, len(requests)) == ("200", 1)
    assert [item.text for item in message.iter(f"{EI}rID")] == ["p1", "p2"]
    granularity = next(item for item in message.iter() if item.tag.endswith("granularity"))
    assert granularity[0].text == "PT15M"
    # Registering again goes on with the same request.
    assert (await register_report(served, offer()))[1] == requests
    kind, _ = await ask(
        served,
        "EiReport",
        "oadrCreatedReport",
        response=head(),
        pending_reports=[{"report_request_id": requests[0]}],
    )
    assert kind == "oadrResponse"
    _, shown = await operator(served, "GET", "/reports")
    assert {(row["r_id"], row["unit"], row["confirmed_at"] is not None) for row in shown["reports"]} == {
        ("p1", "kW", True),
        ("p2", "kW", True),
    }


async def test_register_report__specifier_twice__refused(served: Vtn) -> None:
    """A message with one reportSpecifierID twice is refused whole."""
    assert (await register_report(served, offer(), offer()))[0] == "454"


async def test_update_report__stored_once__unknown_refused(served: Vtn) -> None:
    """Rule: values are acknowledged and kept once; an unknown reportRequestID or rID is 452."""
    _, requests, _ = await register_report(served, offer())
    for value in (1.5, 2.5):
        kind, message = await ask(served, "EiReport", "oadrUpdateReport", **update(requests[0], value=value))
        assert (kind, code(message)) == ("oadrUpdatedReport", "200")
    for unknown in (update("nobody"), update(requests[0], "p9")):
        _, message = await ask(served, "EiReport", "oadrUpdateReport", **unknown)
        assert code(message) == "452"
    _, ven = await operator(served, "GET", f"/vens/{VEN_ID}")
    assert ven["report_values"] == 1
    _, shown = await operator(served, "GET", "/reports")
    assert [row["value"] for row in shown["reports"] if row["r_id"] == "p1"] == [2.5]


async def test_update_report__no_number__400(served: Vtn) -> None:
    """NaN is no measurement."""
    _, requests, _ = await register_report(served, offer())
    text = create_message(
        "oadrUpdateReport", ven_id=VEN_ID, request_id="r", **update(requests[0], value="NaN")
    )
    status, body = await send(served, "EiReport", text)
    assert (status, "finite" in body) == (400, True)
