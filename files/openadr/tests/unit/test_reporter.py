"""When reports go out, and what stays owed when they do not."""

from datetime import timedelta
from typing import Any

import pytest

from cariflex_openadr.clients.vtn import Reply, VtnClient, VtnError
from cariflex_openadr.metrics import VenMetrics
from cariflex_openadr.reporter import SPECIFIER_ID, Reporter
from cariflex_openadr.storage.usage import Usage
from cariflex_openadr.storage.ven_database import open_ven_database
from cariflex_openadr.storage.ven_reports import ReportRequest, ReportRequests
from support import NOON, VEN_ID, TurnableClock

FIVE, QUARTER = timedelta(minutes=5), timedelta(minutes=15)
START = NOON.replace(second=0)


class RecordingClient(VtnClient):
    """Keeps the reports instead of sending them; fails on demand."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", "cariflex-ven", VEN_ID)
        self.sent: list[dict[str, Any]] = []
        self.failing = False

    async def request(self, service: str, message_type: str, **payload: Any) -> Reply:
        if self.failing:
            raise VtnError(f"{service}: {message_type} not sent")
        self.sent += payload["reports"]
        return Reply("oadrUpdatedReport", None)


class AlwaysOneKilowattHour(Usage):
    """Usage that is known for every interval."""

    def energy_wh(self, *_: object) -> float:
        return 1000.0


class Bench:
    def __init__(self) -> None:
        self.clock, self.client = TurnableClock(START), RecordingClient()
        connection = open_ven_database(":memory:")
        requests = ReportRequests(connection)
        requests.put(ReportRequest("r-1", SPECIFIER_ID, ("battery_01",), FIVE, QUARTER, START))
        usage = AlwaysOneKilowattHour(connection)
        self.reporter = Reporter(requests, usage, ["battery_01"], VenMetrics(), self.clock)

    async def at(self, minutes: float) -> int:
        """Reports sent until ``minutes`` after the start."""
        self.clock.now = START + timedelta(minutes=minutes)
        await self.reporter.send_due(self.client)
        return len(self.client.sent)


async def test_report__waits_until_the_last_slot_is_known() -> None:
    """Power of a slot is known some seconds after its end: sent at once it would be left out for ever."""
    bench = Bench()
    assert [await bench.at(minutes) for minutes in (14, 15, 15.9, 16, 17)] == [0, 0, 0, 1, 1]
    report = bench.client.sent[0]
    assert [item["dtstart"] - START for item in report["intervals"]] == [0 * FIVE, FIVE, 2 * FIVE]


async def test_report__vtn_away_for_hours__every_window_sent_once_and_in_order() -> None:
    bench = Bench()
    bench.client.failing = True
    assert await bench.at(120) == 0
    bench.client.failing = False
    for _ in range(9):
        await bench.at(121)
    starts = [report["dtstart"] - START for report in bench.client.sent]
    assert starts == [number * QUARTER for number in range(8)]


@pytest.mark.parametrize("minutes", [16, 60])
async def test_report__ids_name_the_window(minutes: float) -> None:
    bench = Bench()
    await bench.at(minutes)
    assert bench.client.sent[0]["report_id"] == "r-1-20261123T161500Z"
