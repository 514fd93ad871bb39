"""Clock, logs and the end of a process."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest

from cariflex_service.runtime import floor_hour, iso

MARTINIQUE = timezone(timedelta(hours=-4))
PROGRAM = """
import asyncio, logging
from cariflex_service.logs import set_up_logging
from cariflex_service.runtime import leave, until_stopped

async def work():
    stopped = asyncio.create_task(until_stopped())
    await asyncio.sleep(0)
    logging.getLogger("service").info("ready", extra={"port": 5})
    logging.getLogger("flexmeasures_client").info("a token")
    logging.getLogger("noisy").warning("noise")
    await stopped
    # A thread that would never end.
    import threading
    threading.Thread(target=threading.Event().wait).start()
    leave()

set_up_logging("info", {"noisy": logging.CRITICAL})
asyncio.run(work())
"""


def test_iso__local_moment__is_told_in_utc() -> None:
    assert iso(datetime(2026, 11, 23, 20, 30, tzinfo=MARTINIQUE)) == "2026-11-24T00:30:00Z"
    assert iso(None) is None


def test_floor_hour__within_an_hour__its_begin() -> None:
    assert floor_hour(datetime(2026, 11, 23, 16, 59, 59, 999999, UTC)) == datetime(
        2026, 11, 23, 16, tzinfo=UTC
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process__told_to_stop__leaves_with_0_and_has_logged_json(number: signal.Signals) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        process.send_signal(number)
        lines += process.stdout.readlines()
        code = process.wait(timeout=10)

    assert code == 0
    [entry] = [json.loads(line) for line in lines]
    assert (entry["message"], entry["port"], entry["logger"], entry["level"]) == (
        "ready",
        5,
        "service",
        "INFO",
    )
