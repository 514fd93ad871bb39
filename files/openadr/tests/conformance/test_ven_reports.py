"""Rules for a VEN's reports: offered, requested, sent, refused, cancelled; over real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cariflex_openadr.domain.expansion import floor_to
from cariflex_openadr.messages.xml_tree import find, find_all, moment, text
from cariflex_openadr.ven import Ven
from support import VEN_ID, eventually
from support.scripted_vtn import ScriptedVtn, message, polls, serving
from support.ven import FlexMeasuresDouble, put_power, status, ven_config


@pytest.fixture
async def vtn() -> AsyncIterator[ScriptedVtn]:
    async with serving(ScriptedVtn()) as double:
        yield double


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
