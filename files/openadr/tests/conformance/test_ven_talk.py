"""Rules for a VEN's talk with its VTN: registration, polls, answers, cancellations, opts; over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cariflex_openadr.domain.expansion import floor_to
from cariflex_openadr.domain.model import SensorValue
from cariflex_openadr.messages.xml_tree import find, find_all, moment, text
from cariflex_openadr.storage.outbox import Post
from cariflex_openadr.ven import Ven
from support import VEN_ID, eventually
from support.scripted_vtn import OK, ScriptedVtn, message, response, serving
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
    service = Ven(ven_config(vtn.port, 0.02, tmp_path / "ven.sqlite3"), FlexMeasuresDouble())
    await service.start()
    yield service
    await service.stop()


async def polls(vtn: ScriptedVtn, more: int = 2) -> None:
    """Wait for some more polls, that is for whole turns of the VEN."""
    goal = len(vtn.named("oadrPoll")) + more
    await eventually(lambda: len(vtn.named("oadrPoll")) >= goal)


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


async def test_poll__never_sooner_than_told(tmp_path: Path) -> None:
    """Rule: no poll sooner than oadrRequestedOadrPollFreq after the one before, news or not."""
    times: list[float] = []

    class Timing(ScriptedVtn):
        def _usual(self, name: str) -> bytes:
            if name == "oadrPoll":
                times.append(asyncio.get_running_loop().time())
            return super()._usual(name)

    async with serving(Timing(poll_interval=timedelta(seconds=1))) as vtn:
        vtn.polls = [distribution(Bench()), distribution(Bench())]
        ven = Ven(ven_config(vtn.port, 0.01, tmp_path / "ven.sqlite3"), FlexMeasuresDouble())
        await ven.start()
        await eventually(lambda: len(times) >= 3)
        await ven.stop()
    assert min(later - sooner for sooner, later in pairwise(times)) >= 0.99
    assert ven.settings.poll_interval < timedelta(seconds=1)


async def test_poll__frequency_told_survives_a_restart(vtn: ScriptedVtn, ven: Ven, tmp_path: Path) -> None:
    """What the VTN told holds after a restart too, before it is told again."""
    await polls(vtn)
    vtn.poll_interval = timedelta(seconds=3)
    ven.agent.register_again()
    await eventually(lambda: ven.agent.poll_interval == timedelta(seconds=3))
    again = Ven(ven_config(1, 10, tmp_path / "ven.sqlite3"), FlexMeasuresDouble())
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
        ven = Ven(ven_config(vtn.port, 0.01, tmp_path / "ven.sqlite3"), FlexMeasuresDouble())
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
    again = Ven(ven_config(vtn.port, 0.02, tmp_path / "ven.sqlite3"), FlexMeasuresDouble())
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


def report_request(r_ids: list[str], specifier_id: str = "cariflex-usage") -> dict[str, Any]:
    return {
        "report_request_id": "007",
        "report_specifier": {
            "report_specifier_id": specifier_id,
            "granularity": timedelta(minutes=5),
            "report_back_duration": timedelta(minutes=15),
            "report_interval": {
                "dtstart": floor_to(datetime.now(UTC) - timedelta(minutes=16), timedelta(minutes=5)),
                "duration": timedelta(0),
            },
            "specifier_payloads": [{"r_id": r_id, "reading_type": "Net"} for r_id in r_ids],
        },
    }


@pytest.fixture
async def reporting_ven(vtn: ScriptedVtn, tmp_path: Path) -> AsyncIterator[Ven]:
    settings = ven_config(vtn.port, 0.02, tmp_path / "ven.sqlite3")
    service = Ven(replace(settings, resources=frozenset({"battery_01", "ev_01"})), FlexMeasuresDouble())
    await service.start()
    yield service
    await service.stop()


async def test_report__offered_requested_confirmed(vtn: ScriptedVtn, reporting_ven: Ven) -> None:
    """EiReport: usage per resource is offered at registration; a request is confirmed with its id."""
    await polls(vtn)
    offer = vtn.named("oadrRegisterReport")[0]
    found = [text(item, "rID") for item in find_all(offer, "oadrReport/oadrReportDescription")]
    assert found == ["battery_01", "ev_01"]
    assert text(offer, "oadrReport/reportName") == "METADATA_TELEMETRY_USAGE"
    request = report_request(["battery_01"])
    vtn.polls.append(
        message("oadrCreateReport", request_id="req-r", report_requests=[request], ven_id=VEN_ID)
    )
    await eventually(lambda: bool(vtn.named("oadrCreatedReport")))
    answer = vtn.named("oadrCreatedReport")[0]
    assert text(answer, "eiResponse/requestID") == "req-r"
    assert text(answer, "eiResponse/responseCode") == "200"
    assert text(answer, "oadrPendingReports/reportRequestID") == "007"
    assert reporting_ven.agent.registered


def put_power(ven: Ven, start: datetime, minutes: int, power_kw: float) -> None:
    """What the S2 service hands over: mean power of a slot."""
    length = timedelta(minutes=minutes)
    post = Post(
        sensor_id=71,
        event_id="s2:battery_01",
        modification=int(start.timestamp()),
        unit="kW",
        resolution=length,
        values=(SensorValue(start, power_kw),),
        belief_time=start + length,
        poster="SOC Simulator",
    )
    ven.sender.outbox.put(post)


async def test_report__sent_with_energy_of_each_interval_until_the_vtn_has_it(
    vtn: ScriptedVtn, reporting_ven: Ven
) -> None:
    """Telemetry comes from what FlexMeasures gets: 12 kW for 5 minutes is 1,000 Wh; unknown is left out."""
    request = report_request(["battery_01", "ev_01"])
    start = request["report_specifier"]["report_interval"]["dtstart"]
    put_power(reporting_ven, start, 5, 12.0)
    put_power(reporting_ven, start + timedelta(minutes=10), 1, -6.0)
    vtn.replies["oadrUpdateReport"] = 503
    vtn.polls.append(
        message("oadrCreateReport", request_id="req-r", report_requests=[request], ven_id=VEN_ID)
    )
    await eventually(lambda: len(vtn.named("oadrUpdateReport")) >= 2)
    del vtn.replies["oadrUpdateReport"]
    await polls(vtn, 3)
    metrics = await status(reporting_ven, "/metrics")
    assert 'cariflex_ven_reports_total{result="sent"} 1.0' in metrics
    sent = vtn.named("oadrUpdateReport")[-1]
    assert text(sent, "oadrReport/reportRequestID") == "007"
    intervals = find_all(sent, "oadrReport/intervals/interval")
    payload = "oadrReportPayload"
    assert [text(item, f"{payload}/rID") for item in intervals] == ["battery_01", "battery_01"]
    assert [text(item, f"{payload}/payloadFloat/value") for item in intervals] == ["1000.0", "-100.0"]
    assert [moment(item, "dtstart/date-time") - start for item in intervals] == [
        timedelta(),
        timedelta(minutes=10),
    ]


@pytest.mark.parametrize(("r_ids", "specifier"), [(["pump_1"], "cariflex-usage"), (["battery_01"], "other")])
async def test_report_request__unknown_resource_or_report__refused_with_461(
    vtn: ScriptedVtn, reporting_ven: Ven, r_ids: list[str], specifier: str
) -> None:
    """A report that the VEN does not offer is refused (461) and not pending."""
    await polls(vtn)
    request = report_request(r_ids, specifier)
    vtn.polls.append(
        message("oadrCreateReport", request_id="req-r", report_requests=[request], ven_id=VEN_ID)
    )
    await eventually(lambda: bool(vtn.named("oadrCreatedReport")))
    answer = vtn.named("oadrCreatedReport")[0]
    assert text(answer, "eiResponse/responseCode") == "461"
    assert find(answer, "oadrPendingReports/reportRequestID") is None
    assert reporting_ven.agent.registered


async def test_report_request__metadata__offer_sent_again(vtn: ScriptedVtn, reporting_ven: Ven) -> None:
    """Rule: a request for METADATA is answered by registering the reports again."""
    await polls(vtn)
    request = report_request(["battery_01"], "METADATA")
    vtn.polls.append(
        message("oadrCreateReport", request_id="req-r", report_requests=[request], ven_id=VEN_ID)
    )
    await eventually(lambda: len(vtn.named("oadrRegisterReport")) == 2)
    assert reporting_ven.agent.registered


async def test_report_cancelled__answered_with_what_is_left(vtn: ScriptedVtn, reporting_ven: Ven) -> None:
    """Rule: oadrCancelReport is answered with the reports that are still pending."""
    await polls(vtn)
    request = report_request(["battery_01"])
    vtn.polls.append(
        message("oadrCreateReport", request_id="req-r", report_requests=[request], ven_id=VEN_ID)
    )
    await eventually(lambda: bool(vtn.named("oadrCreatedReport")))
    cancel = message(
        "oadrCancelReport",
        request_id="req-x",
        report_request_id="007",
        report_to_follow=False,
        ven_id=VEN_ID,
    )
    vtn.polls.append(cancel)
    await eventually(lambda: bool(vtn.named("oadrCanceledReport")))
    answer = vtn.named("oadrCanceledReport")[0]
    assert text(answer, "eiResponse/requestID") == "req-x"
    assert find(answer, "oadrPendingReports/reportRequestID") is None
    assert reporting_ven.agent.registered


async def test_ven__message_out_of_place__ignored_and_polls_go_on(vtn: ScriptedVtn, ven: Ven) -> None:
    """What no VTN should send in reply to a poll is logged and harms nothing; nor does what is no XML."""
    await polls(vtn)
    vtn.polls += [message("oadrCanceledReport", response=OK, pending_reports=[]), b"<html>busy</html>", b"{"]
    await polls(vtn, 5)
    assert ven.agent.registered
