"""Rules for a VEN's talk with its VTN: registration, polls, answers, cancellations, opts; over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from cariflex_openadr.clients.vtn import Reply
from cariflex_openadr.messages.xml_tree import find, text
from cariflex_openadr.ven import Ven
from support import VEN_ID, clock_from_noon, eventually
from support.scripted_vtn import OK, ScriptedVtn, message, polls, response, serving
from support.ven import FlexMeasuresDouble, status, ven_config
from support.ven_bench import LOAD, PRICE, RESPONSE, Bench, distribution_text


def distribution(bench: Bench, request_id: str = "req-1") -> bytes:
    return distribution_text(bench.wire(), request_id).encode()


@pytest.fixture
async def vtn() -> AsyncIterator[ScriptedVtn]:
    async with serving(ScriptedVtn()) as double:
        yield double


@pytest.fixture
async def ven(vtn: ScriptedVtn, tmp_path: Path) -> AsyncIterator[Ven]:
    service = Ven(
        ven_config(vtn.port, 0.02, tmp_path / "ven.sqlite3"), FlexMeasuresDouble(), clock_from_noon()
    )
    await service.start()
    yield service
    await service.stop()


async def test_start__registers_asks_for_events_offers_reports_then_polls(vtn: ScriptedVtn, ven: Ven) -> None:
    """Rule: registration comes first, then the VEN asks for all events, then it polls."""
    await polls(vtn)
    names = list(dict.fromkeys(name for name, _ in vtn.received))
    assert names == [
        "oadrCreatePartyRegistration",
        "oadrRequestEvent",
        "oadrRegisterReport",
        "oadrPoll",
    ]
    assert text(vtn.named("oadrCreatePartyRegistration")[0], "registrationID") == "reg-1"
    assert ven.agent.registered


async def test_answer__before_the_next_poll(vtn: ScriptedVtn, ven: Ven) -> None:
    """Rule: a VEN answers a distribution before its next poll; and never answers unasked."""
    await polls(vtn)
    vtn.polls.append(distribution(Bench()))
    await polls(vtn, 4)
    names = [name for name, _ in vtn.received if name in ("oadrPoll", "oadrCreatedEvent")]
    assert names.count("oadrCreatedEvent") == 1
    assert {event_id for event_id, _, _ in vtn.answers()} == {PRICE, LOAD, RESPONSE}
    at = next(index for index, (name, _) in enumerate(vtn.received) if name == "oadrCreatedEvent")
    assert vtn.received[at - 1][0] == "oadrPoll"
    assert ven.agent.inbox.events.unanswered() == []


async def test_poll__never_sooner_than_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: no poll sooner than oadrRequestedOadrPollFreq after the one before, news or not."""
    times: list[float] = []

    async with serving(ScriptedVtn(poll_interval=timedelta(seconds=1))) as vtn:
        vtn.polls = [distribution(Bench()), distribution(Bench())]
        ven = Ven(
            ven_config(vtn.port, 0.01, tmp_path / "ven.sqlite3"), FlexMeasuresDouble(), clock_from_noon()
        )
        poll = ven.agent.client.poll

        async def timed() -> Reply:
            # When it is sent: when it arrives depends on what else this machine does.
            times.append(asyncio.get_running_loop().time())
            return await poll()

        monkeypatch.setattr(ven.agent.client, "poll", timed)
        await ven.start()
        await eventually(lambda: len(times) >= 3, 20)
        await ven.stop()
    assert min(later - sooner for sooner, later in pairwise(times)) >= 0.999


async def test_poll__frequency_told_survives_a_restart(vtn: ScriptedVtn, ven: Ven, tmp_path: Path) -> None:
    """What the VTN told holds after a restart too, before it is told again."""
    await polls(vtn)
    vtn.poll_interval = timedelta(seconds=3)
    ven.agent.register_again()
    await eventually(lambda: ven.agent.poll_interval == timedelta(seconds=3))
    again = Ven(ven_config(1, 10, tmp_path / "ven.sqlite3"), FlexMeasuresDouble(), clock_from_noon())
    assert again.agent.poll_interval == timedelta(seconds=3)
    assert (await status(ven))["poll_interval_s"] == 3


@pytest.mark.parametrize("code", [452, 463])
async def test_poll__vtn_does_not_know_the_ven__registers_again(
    vtn: ScriptedVtn, ven: Ven, code: int
) -> None:
    """Rule: 452 or 463 to a poll means that the registration is gone."""
    await polls(vtn)
    vtn.polls.append(response(code, "unknown"))
    await eventually(lambda: len(vtn.named("oadrCreatePartyRegistration")) == 2)
    assert text(vtn.named("oadrCreatePartyRegistration")[1], "registrationID") == "registered-1"
    await polls(vtn)
    assert ven.agent.registered


async def test_request_reregistration__acknowledged_then_registered_again(vtn: ScriptedVtn, ven: Ven) -> None:
    """Rule: oadrRequestReregistration is answered with oadrResponse, then the VEN re-registers."""
    await polls(vtn)
    vtn.polls.append(message("oadrRequestReregistration", ven_id=VEN_ID))
    await eventually(lambda: len(vtn.named("oadrCreatePartyRegistration")) == 2)
    assert len(vtn.named("oadrResponse")) == 1
    assert ven.agent.registered


async def test_registration_cancelled_by_the_vtn__answered_and_events_end(vtn: ScriptedVtn, ven: Ven) -> None:
    """Rule: oadrCancelPartyRegistration is answered, ends events, and no poll follows."""
    vtn.polls.append(distribution(Bench()))
    await eventually(lambda: ven.agent.inbox.intents.active() != [])
    cancel = message(
        "oadrCancelPartyRegistration", request_id="req-c", registration_id="registered-1", ven_id=VEN_ID
    )
    vtn.polls.append(cancel)
    await eventually(lambda: bool(vtn.named("oadrCanceledPartyRegistration")))
    answer = vtn.named("oadrCanceledPartyRegistration")[0]
    assert text(answer, "eiResponse/requestID") == "req-c"
    assert text(answer, "registrationID") == "registered-1"
    assert ven.agent.inbox.intents.active() == []
    before = len(vtn.named("oadrPoll"))
    await asyncio.sleep(0.2)
    assert len(vtn.named("oadrPoll")) == before


async def test_registration_cancelled_by_the_operator__told_kept_and_renewed(
    vtn: ScriptedVtn, ven: Ven
) -> None:
    """Rule: the VEN cancels its registration with oadrCancelPartyRegistration, and may register anew."""
    await polls(vtn)
    await ven.agent.cancel_registration()
    assert text(vtn.named("oadrCancelPartyRegistration")[0], "registrationID") == "registered-1"
    assert (await status(ven))["unregistered_by"] == "operator"
    assert (await status(ven, "/healthz"))["status"] == "ok"
    ven.agent.register_again()
    await polls(vtn)
    assert text(vtn.named("oadrCreatePartyRegistration")[-1], "registrationID") == "reg-1"


async def test_registration_refused__tried_as_somebody_new_then_as_before(tmp_path: Path) -> None:
    """A VTN that has forgotten the registrationID refuses it: the next try goes without."""
    async with serving(ScriptedVtn()) as vtn:
        refusal = {"response_code": 452, "response_description": "unknown", "request_id": "0"}
        vtn.replies["oadrCreatePartyRegistration"] = message(
            "oadrCreatedPartyRegistration", response=refusal, vtn_id="V", profiles=[], registration_id=None
        )
        ven = Ven(
            ven_config(vtn.port, 0.01, tmp_path / "ven.sqlite3"), FlexMeasuresDouble(), clock_from_noon()
        )
        await ven.start()
        await eventually(lambda: len(vtn.named("oadrCreatePartyRegistration")) >= 3)
        tried = [text(item, "registrationID") for item in vtn.named("oadrCreatePartyRegistration")[:3]]
        assert tried == ["reg-1", "", "reg-1"]
        del vtn.replies["oadrCreatePartyRegistration"]
        await polls(vtn)
        await ven.stop()


async def test_reply_to_a_poll_lost__all_events_asked_for(vtn: ScriptedVtn, ven: Ven) -> None:
    """openleadr's VTN delivers at most once: after a lost reply the VEN asks for everything on offer."""
    await polls(vtn)
    bench = Bench()
    vtn.events = lambda: distribution(bench)
    vtn.replies["oadrPoll"] = 500
    await polls(vtn, 1)
    del vtn.replies["oadrPoll"]
    await eventually(lambda: len(vtn.answers()) == 3)
    assert {row["event_id"] for row in (await status(ven))["events"]} == {PRICE, LOAD, RESPONSE}


async def test_vtn_without_any_event__cancels_what_was_known(vtn: ScriptedVtn, ven: Ven) -> None:
    """A restarted openleadr VTN answers oadrRequestEvent with oadrResponse: it offers nothing any longer."""
    vtn.polls.append(distribution(Bench()))
    await eventually(lambda: ven.agent.inbox.intents.active() != [])
    vtn.polls.append(message("oadrRequestReregistration", ven_id=VEN_ID))
    await eventually(lambda: ven.agent.inbox.intents.active() == [])


async def test_answer_refused__others_heard_and_polls_go_on(vtn: ScriptedVtn, ven: Ven) -> None:
    """openleadr's VTN refuses a message for one event that it has forgotten: each is then sent alone."""

    vtn.unknown_events.add(LOAD)
    vtn.polls.append(distribution(Bench()))
    await eventually(lambda: len(vtn.answers()) >= 6)
    await polls(vtn)
    rows = {row["event_id"]: row["responded_at"] for row in (await status(ven))["events"]}
    assert rows[LOAD] is None
    assert rows[PRICE] is not None
    assert rows[RESPONSE] is not None
    assert len(vtn.named("oadrCreatedEvent")) == 4


async def test_answers_not_taken__kept_through_a_restart_and_sent_once(
    vtn: ScriptedVtn, ven: Ven, tmp_path: Path
) -> None:
    """An answer is owed until the VTN has it: a VTN in trouble and a restart of the VEN change nothing."""
    vtn.replies["oadrCreatedEvent"] = 503
    vtn.polls.append(distribution(Bench()))
    await eventually(lambda: len(vtn.named("oadrCreatedEvent")) >= 2)
    await ven.stop()
    vtn.events = lambda: b""
    vtn.replies = {"oadrRequestEvent": 503}
    vtn.received.clear()
    again = Ven(ven_config(vtn.port, 0.02, tmp_path / "ven.sqlite3"), FlexMeasuresDouble(), clock_from_noon())
    await again.start()
    vtn.replies = {"oadrRequestEvent": message("oadrDistributeEvent", request_id="r", vtn_id="V", events=[])}
    await polls(vtn, 4)
    assert sorted(vtn.answers()) == sorted((name, 0, "optIn") for name in (PRICE, LOAD, RESPONSE))
    await again.stop()


async def test_watchdog__no_poll_for_three_periods__starts_anew(vtn: ScriptedVtn, ven: Ven) -> None:
    """Three periods without an answered poll: the VEN drops its connections and registers again."""
    await polls(vtn)
    vtn.replies["oadrPoll"] = 503
    await eventually(lambda: len(vtn.named("oadrCreatePartyRegistration")) >= 2)
    del vtn.replies["oadrPoll"]
    await polls(vtn)
    metrics = await status(ven, "/metrics")
    assert "cariflex_ven_watchdog_total 0.0" not in metrics
    assert ven.agent.last_error == ""


async def test_opt_schedule__told_to_the_vtn_and_cancelled(vtn: ScriptedVtn, ven: Ven) -> None:
    """EiOpt: oadrCreateOpt carries the schedule, oadrCancelOpt its id; each until the VTN has it."""
    await polls(vtn)
    vtn.replies["oadrCreateOpt"] = 503
    start = datetime(2030, 1, 1, tzinfo=UTC)
    opt = ven.agent.opts.schedule("optOut", start, start + timedelta(hours=2), "mustRun", "http://test/load")
    await eventually(lambda: len(vtn.named("oadrCreateOpt")) >= 2)
    del vtn.replies["oadrCreateOpt"]
    await eventually(lambda: ven.agent.opts.all()[0].state == "sent")
    told = vtn.named("oadrCreateOpt")[-1]
    assert [text(told, name) for name in ("optID", "optType", "optReason")] == [
        opt.opt_id,
        "optOut",
        "mustRun",
    ]
    available = find(told, "vavailability/components/available/properties")
    assert text(available, "dtstart/date-time").startswith("2030-01-01T00:00:00")
    assert text(available, "duration/duration") == "PT2H"
    ven.agent.opts.cancel(opt.opt_id)
    await eventually(lambda: ven.agent.opts.all()[0].state == "cancelled")
    assert text(vtn.named("oadrCancelOpt")[0], "optID") == opt.opt_id


async def test_opt_refused__kept_as_refused_with_the_reason(vtn: ScriptedVtn, ven: Ven) -> None:
    """A VTN without EiOpt says no: the schedule holds here all the same, and is not sent again."""
    await polls(vtn)
    refusal = {"response_code": 451, "response_description": "not allowed", "request_id": "0"}
    vtn.replies["oadrCreateOpt"] = message("oadrCreatedOpt", response=refusal, opt_id="x")
    start = datetime(2030, 1, 1, tzinfo=UTC)
    ven.agent.opts.schedule("optOut", start, start + timedelta(hours=2), "mustRun")
    await eventually(lambda: ven.agent.opts.all()[0].state == "refused")
    await polls(vtn)
    assert len(vtn.named("oadrCreateOpt")) == 1
    assert "451" in ven.agent.opts.all()[0].error


async def test_ven__message_out_of_place__ignored_and_polls_go_on(vtn: ScriptedVtn, ven: Ven) -> None:
    """What no VTN should send in reply to a poll is logged and harms nothing; nor does what is no XML."""
    await polls(vtn)
    vtn.polls += [message("oadrCanceledReport", response=OK, pending_reports=[]), b"<html>busy</html>", b"{"]
    await polls(vtn, 5)
    assert ven.agent.registered
