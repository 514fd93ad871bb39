"""A cap on its way to devices, with an S2 service that takes its time, and what stands in the report then."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible.module_utils.cariflex.errors import ApiError
from ansible.module_utils.cariflex.verify.devices import DeviceFollower, ask_devices
from ansible.module_utils.cariflex.verify.model import DeviceTrace, Report, Trace
from ansible.module_utils.cariflex.verify.services import Control

BEGIN = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
EVENT = Trace("load control", event_id="e1", modification=2, begins_at=BEGIN.isoformat())


def session(power_w: float | None = 20_000.0, measured: str = "2026-11-23T11:00:04Z", **changes: Any) -> dict:
    return {
        "resource_id": "battery_01",
        "phase": "control",
        "power_w": power_w,
        "measured_at": measured,
        "max_power_w": 50_000.0,
        **changes,
    }


def instruction(status: str = "STARTED", **changes: Any) -> dict:
    return {
        "resource_id": "battery_01",
        "event_id": "e1",
        "modification": "2",
        "created_at": "2026-11-23T11:00:00.500000Z",
        "status": status,
        "reason": "",
        **changes,
    }


def followed(looks: Sequence[tuple[list[dict], list[dict]]]) -> tuple[DeviceTrace, float]:
    """The trace of battery_01, and when the look that was the last took place: seconds from the begin."""
    now = [BEGIN.timestamp() - 30]
    left = list(looks)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def run(words: Sequence[str]) -> tuple[int, str, str]:
        assert now[0] >= BEGIN.timestamp(), "looked before the event began"
        if "sessions" in words:
            return 0, json.dumps({"sessions": left[0][0]}), ""
        given = left.pop(0)[1] if len(left) > 1 else left[0][1]
        return 0, json.dumps({"instructions": given}), ""

    follower = DeviceFollower(Control(run, "openadr-ven", "s2ctl"), 10, sleep=sleep, clock=lambda: now[0])
    [trace] = follower.follow(EVENT, 0.4, ["battery_01"])
    return trace, now[0] - BEGIN.timestamp()


def test__follow__device_that_obeys_later__is_waited_for():
    before = session(45_000.0, "2026-11-23T10:59:58Z")
    looks = [([before], []), ([before], [instruction()]), ([session()], [instruction("SUCCEEDED")])]

    trace, seconds = followed(looks)

    assert trace.problem == ""
    assert trace.hops_s == {"instructed": 0.5, "obeyed": 4.0}
    assert (trace.allowed_kw, trace.power_kw, trace.status) == (20.0, 20.0, "SUCCEEDED")
    assert seconds == 2.0


@pytest.mark.parametrize(
    ("sessions", "instructions", "problem"),
    [
        ([], [instruction()], "no session with the S2 service"),
        ([session(phase="details")], [instruction()], "no session with the S2 service"),
        ([session()], [], "not instructed"),
        ([session()], [instruction(modification="1")], "not instructed"),
        ([session()], [instruction(event_id="e0")], "not instructed"),
        ([session()], [instruction(resource_id="battery_02")], "not instructed"),
        ([session()], [instruction("NEW")], "instructed, but not answered"),
        ([session()], [instruction("REJECTED", reason="too hot")], "instruction REJECTED: too hot"),
        (
            [session(measured="2026-11-23T10:59:59Z")],
            [instruction()],
            "no power measured since the event began",
        ),
        ([session(20_400.0)], [instruction()], "draws 20.40 kW, expected at most 20.00 kW"),
    ],
)
def test__follow__device_that_does_not_obey__says_why(
    sessions: list[dict], instructions: list[dict], problem: str
):
    trace, seconds = followed([(sessions, instructions)])

    assert trace.problem == problem
    assert trace.hops_s["obeyed"] is None
    assert seconds == 10.0


def test__follow__several_events_in_force__instruction_names_all():
    joined = instruction(event_id="e0+e1", modification="7+2")

    assert followed([([session()], [joined])])[0].problem == ""


def test__follow__event_that_was_never_published__is_a_problem_of_every_device():
    follower = DeviceFollower(Control(lambda _: (1, "", "down"), "openadr-ven", "s2ctl"), 10)

    [trace] = follower.follow(Trace("load control"), 0.4, ["battery_01"])

    assert "unexpected answer" in trace.problem


def test__follow__service_that_is_down__its_words_are_told():
    follower = DeviceFollower(Control(lambda _: (1, "", "refused"), "openadr-ven", "s2ctl"), 10)

    [trace] = follower.follow(EVENT, 0.4, ["battery_01"])

    assert trace.problem.endswith("exit 1: refused")


def test__ask_devices__all_wanted_under_control__says_how_many():
    rows = [session(), {"resource_id": "ev_01", "phase": "absent"}]
    s2 = Control(lambda _: (0, json.dumps({"sessions": rows}), ""), "openadr-ven", "s2ctl")

    assert ask_devices(s2, ["battery_01"]) == "1 of 2 under control"
    with pytest.raises(ApiError, match="not under control: ev_01 absent, ev_02 unknown"):
        ask_devices(s2, ["ev_01", "ev_02"])


def test__report__deaf_device__fails_and_stands_in_table_and_json():
    good = DeviceTrace("battery_01", 50.0, 20.0, 19.5, "STARTED", {"instructed": 0.1, "obeyed": 1.0}, "")
    deaf = DeviceTrace("ev_01", problem="not instructed")

    report = Report("dev", "now", [], [], [good, deaf])

    assert report.failures == ["device ev_01: not instructed"]
    assert report.as_json()["ok"] is False
    assert report.as_json()["devices"][0]["hops_s"]["obeyed"] == 1.0
    lines = "\n".join(report.table())
    assert "battery_01  50.00    20.00       19.50     STARTED" in lines
    assert "ev_01" in lines
