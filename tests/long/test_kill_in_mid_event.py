"""kill -9 in the middle of a load-control event on the running dev stack: devices end where they should.

The victims are FlexMeasures' server, the S2 service and the simulator, which holds the resource managers.
Their processes are killed from the host, as by a crash: the engine or the VEN's supervisor starts them again.
"""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.long.dev_stack import (
    CAPACITY,
    DEVICES,
    POWER_SENSORS,
    all_capped,
    all_charge,
    await_that,
    call,
    load_control,
    sleep_until,
    sql,
)

pytestmark = pytest.mark.long

EVENT_S = 180
# What starts again, and the word of its command line that tells its process from others of the container.
VICTIMS = {
    "flexmeasures": ("flexmeasures-server", "gunicorn"),
    "s2": ("openadr-ven", "openadr-s2"),
    "resource managers": ("cariflex-simulator", "simulator"),
}
DOUBLED = """SELECT sensor_id, event_start, source_id, count(*), count(DISTINCT event_value) FROM timed_belief
WHERE sensor_id BETWEEN 1001 AND 1015 AND event_start BETWEEN :'begin' AND :'end'
GROUP BY 1, 2, 3 HAVING count(*) > 1;"""
MEASURED = """SELECT DISTINCT sensor_id, extract(epoch FROM event_start) FROM timed_belief
WHERE sensor_id BETWEEN 1001 AND 1015 AND event_start BETWEEN :'begin' AND :'end';"""


def _processes(container: str, word: str) -> list[int]:
    """The host's ids of a container's processes whose command line has ``word``."""
    words = ["docker", "top", container, "-eo", "pid,args"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    rows = [line.split(None, 1) for line in done.stdout.splitlines()[1:]]
    return [int(row[0]) for row in rows if len(row) > 1 and word in row[1] and "docker-init" not in row[1]]


def _simulator_answers() -> bool:
    """Whether the simulator can be asked: after a kill its process is there before its server."""
    words = ["docker", "exec", "cariflex-simulator", "simctl", "devices"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _kill(container: str, word: str) -> None:
    """kill -9 of all of a program's processes, and wait until others have taken their place."""
    before = _processes(container, word)
    assert before, f"no process of {container} has {word!r} in its command line"
    for process in before:
        os.kill(process, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while not (after := _processes(container, word)) or set(after) & set(before):
        assert time.monotonic() < deadline, f"{container} has not come back"
        time.sleep(1)
    while not _simulator_answers():
        assert time.monotonic() < deadline, "the simulator does not answer"
        time.sleep(1)


def _instructions(event: dict[str, Any]) -> list[dict[str, Any]]:
    """What the S2 service has kept of its instructions for an event."""
    rows = json.loads(call("openadr-ven", "s2ctl", "instructions", "--limit", "400", "--json"))[
        "instructions"
    ]
    return [row for row in rows if event["event_id"] in row["event_id"].split("+")]


@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_in_mid_event__devices_end_where_they_should_and_nothing_is_doubled(
    charging: float, victim: str
) -> None:
    await_that("charging", all_charge, timeout_s=600)
    event, start = load_control(EVENT_S)
    sleep_until(start)
    await_that("the cap", all_capped, timeout_s=60)
    given = Counter(row["instruction_id"] for row in _instructions(event))

    killed_at = datetime.now(UTC)
    _kill(*VICTIMS[victim])

    end = start + timedelta(seconds=EVENT_S)
    await_that("the cap again", all_capped, timeout_s=max(10.0, (end - datetime.now(UTC)).total_seconds()))
    assert datetime.now(UTC) < end, "what was killed took longer than the event to come back"
    _check_instructions(event, given)
    sleep_until(end)
    await_that("charging again", all_charge, timeout_s=300)
    # The slot in which the S2 service or the meters died may be gone; FlexMeasures has no part in measuring.
    _check_values(start, end, None if victim == "flexmeasures" else killed_at)


def _check_instructions(event: dict[str, Any], before: Counter[str]) -> None:
    """One instruction a device, the same as before the kill."""
    rows = _instructions(event)
    after = Counter(row["instruction_id"] for row in rows)
    assert set(before) <= set(after)
    assert max(after.values()) == 1
    assert {row["resource_id"] for row in rows} == set(DEVICES)
    for row in rows:
        # A device asks for less when it fills up; nobody asks for more than the cap.
        assert (
            row["power_w"] <= CAPACITY * (50_000 if row["resource_id"].startswith("battery") else 22_000) + 1
        )


def _check_values(start: datetime, end: datetime, gap: datetime | None) -> None:
    """Each device's mean power over each slot of the event is in FlexMeasures once, but for the gap."""
    slot = timedelta(minutes=5)
    begin = datetime.fromtimestamp(start.timestamp() // 300 * 300, UTC)
    window = {"begin": begin.isoformat(), "end": end.isoformat()}
    slots = [begin + n * slot for n in range(int((end - begin) / slot) + 1)]
    kept = [at for at in slots if gap is None or not at <= gap < at + slot]
    wanted = {(sensor, at.timestamp()) for sensor in POWER_SENSORS.values() for at in kept}

    def measured() -> bool:
        found = {(int(sensor), float(at)) for sensor, at in sql(MEASURED, **window)}
        return wanted <= found

    # The last slot ends up to five minutes after the event; the outbox waits for a server that was killed.
    await_that("all values in FlexMeasures", measured, timeout_s=1200)
    assert sql(DOUBLED, **window) == []
