"""kill -9 of the S2 service in the middle of an event: the next process carries on, and doubles nothing."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s2.configuration import write_configuration
from s2.raw_peer import RawPeer
from s2.support import VenSide, token_of

pytestmark = pytest.mark.processes


@contextlib.asynccontextmanager
async def process(config: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The service as its own process, and the port that it logs."""
    environment = {**os.environ, "CARIFLEX_S2_CONFIG": str(config), "PYTHONPATH": "src:../common/src"}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from cariflex_s2.service import main; main()",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield child, await _port(child)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def _port(child: asyncio.subprocess.Process) -> int:
    assert child.stdout is not None
    async with asyncio.timeout(60):
        while line := await child.stdout.readline():
            entry = json.loads(line)
            if entry["message"] == "S2 service started":
                return int(entry["port"])
    raise AssertionError("the service ended before it listened")


async def test__service__killed_in_mid_event_doubles_nothing(tmp_path: Path, ven: VenSide) -> None:
    config = write_configuration(tmp_path)
    ids: list[str] = []
    ven.promise("level", -0.5)
    for _ in range(2):
        async with (
            process(config) as (child, port),
            RawPeer(port, "battery_01", token_of("battery_01")) as peer,
        ):
            await peer.join()
            assert peer.power_now == 25_000
            ids += [item["id"] for item in peer.instructions]
            child.send_signal(signal.SIGKILL)
            await peer.closed.wait()
    assert len(ids) == 2
    assert ids[0] == ids[1]
    ven.cancel()
    async with process(config) as (child, port), RawPeer(port, "battery_01", token_of("battery_01")) as peer:
        await peer.join()
        assert peer.power_now == 0, "the event was cancelled while the service was down"
        child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await child.wait() == 0
    posts = [(entry.post.sensor_id, entry.post.start) for entry in ven.posts()]
    assert len(posts) == len(set(posts))
