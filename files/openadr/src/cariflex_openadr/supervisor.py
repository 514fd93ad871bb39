"""First process of the VEN's container: runs the VEN, and beside it the S2 service where it is configured.

The VEN's end is the container's end, so that Docker restarts it. The S2 service is started again here, later
each time it fails: devices' trouble must not stop the talk with the VTN. Debian's supervisord can end with
one of its programs only by an event listener of one's own, which would be as long as this.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

S2_CONFIG = Path(os.environ.get("CARIFLEX_S2_CONFIG", "/etc/cariflex/s2.json"))
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
# A process that ran for this long had no trouble starting.
STEADY_S = 60.0
# Shorter than the container's stop_grace_period.
PATIENCE_S = 8.0


def _log(message: str, **fields: object) -> None:
    entry = {"at": datetime.now(UTC).isoformat(), "level": "info", "logger": "supervisor", "message": message}
    sys.stdout.write(json.dumps(entry | fields) + "\n")
    sys.stdout.flush()


async def _end(process: Process | None) -> None:
    """SIGTERM, and SIGKILL for one that does not heed it."""
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), PATIENCE_S)
    except TimeoutError:
        process.kill()
        await process.wait()


class Supervisor:
    """Runs ``ven`` for as long as it lives, and ``s2`` (nothing when empty) again and again."""

    def __init__(self, ven: Sequence[str], s2: Sequence[str], *, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._ven_command, self._s2_command, self._first_wait_s = ven, s2, first_wait_s
        self._ven: Process | None = None
        self._s2: Process | None = None

    async def run(self) -> int:
        """Run until the VEN ends or SIGTERM comes; the container's exit code."""
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        self._ven = await asyncio.create_subprocess_exec(*self._ven_command)
        tasks: list[asyncio.Task[object]] = [
            asyncio.create_task(self._ven.wait()),
            asyncio.create_task(stopped.wait()),
        ]
        keeper = asyncio.create_task(self._keep_s2()) if self._s2_command else None
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        await asyncio.gather(_end(self._s2), _end(self._ven))
        code = self._ven.returncode
        for task in tasks:
            task.cancel()
        if stopped.is_set():
            return 0
        _log("VEN ended", exit_code=code)
        # A VEN that ends without being told to is a failure, whatever it says.
        return code if code and code > 0 else 1

    async def _keep_s2(self) -> None:
        wait_s = self._first_wait_s
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            self._s2 = await asyncio.create_subprocess_exec(*self._s2_command)
            code = await self._s2.wait()
            if loop.time() - begun >= STEADY_S:
                wait_s = self._first_wait_s
            _log("S2 service ended", exit_code=code, restart_in_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)


def main() -> None:
    """Entry point of the container."""
    s2 = ["openadr-s2"] if S2_CONFIG.is_file() else []
    if not s2:
        _log("S2 service not configured", config=str(S2_CONFIG))
    sys.exit(asyncio.run(Supervisor(["openadr-ven"], s2).run()))
