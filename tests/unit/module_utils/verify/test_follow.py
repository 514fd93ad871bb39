"""An event's way, with a VEN and an API that take their time."""

import json
from typing import Any

from ansible.module_utils.cariflex.verify.follow import Follower
from ansible.module_utils.cariflex.verify.services import Control
from tests.unit.module_utils.verify.rows import row

MAP = {"sensors": [{"id": 86, "name": "load_control_signal", "unit": "%", "resolution_s": 60}]}
INTERVAL = {"start": "2026-11-23T11:00:00Z", "duration_s": 120, "value": 0.4}
EVENT = {
    "event_id": "e1",
    "modification": 2,
    "created_at": "2026-11-23T10:59:30Z",
    "signals": [{"name": "LOAD_CONTROL", "intervals": [INTERVAL]}],
}


class SlowApi:
    """Shows the values at the third look."""

    looks = 0

    def get(self, path: str, **query: str) -> dict[str, Any]:
        if not path.endswith("/data"):
            return {"unit": "%"}
        assert query["duration"] == "PT2M"
        self.looks += 1
        return {"values": [40.0, 40.0 if self.looks > 2 else None]}


def follower(statuses: list[dict], api: Any, answer: Any = None) -> Follower:
    """The VEN's status advances with each look; each wait takes a second."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def run_ven(_: Any) -> tuple[int, str, str]:
        return 0, json.dumps(statuses.pop(0) if len(statuses) > 1 else statuses[0]), ""

    vtn = Control(lambda _: (0, json.dumps(answer or EVENT), ""), "openadr-vtn", "vtnctl")
    ven = Control(run_ven, "openadr-ven", "venctl")
    return Follower(vtn, ven, api, MAP, 10, sleep=sleep, clock=lambda: now[0])


def test__follow__waits_for_the_post_and_the_value():
    statuses = [{"events": []}, {"events": [row(posted_at=None)]}, {"events": [row()]}]
    trace = follower(statuses, SlowApi()).follow("load control", "load-control")
    assert trace.problem == ""
    assert (trace.event_id, trace.modification, trace.sensor_id, trace.values) == ("e1", 2, 86, 2)
    assert [trace.hops_s[hop] for hop in ("delivered", "responded", "posted")] == [1.0, 2.0, 3.0]
    assert trace.hops_s["visible"] is not None


def test__follow__gives_up_and_says_where_the_event_is():
    trace = follower([{"events": [row(modification=1)]}], SlowApi()).follow("price", "republish-price")
    assert trace.problem == "after 10 s: not delivered to the VEN"
    assert trace.hops_s["delivered"] is None


def test__follow__reports_an_unexpected_answer():
    trace = follower([{"events": []}], SlowApi(), {"event_id": "e1"}).follow("price", "republish-price")
    assert "unexpected answer" in trace.problem
