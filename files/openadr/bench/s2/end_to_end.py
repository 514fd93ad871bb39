"""From an operator's event at the VTN to the setpoint at each device: real VTN, VEN, S2 service, PostgreSQL.

Nothing is sped up: the VEN polls every ten seconds, and each event comes at another moment of its period.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.s2.clients import Clients
from bench.s2.rows import Figure, fleet
from bench.s2.sockets import served
from support.postgres import running_cluster
from support.processes import VtnProcess

POLL_S = 10.0
GOALS_S = {10: POLL_S + 1, 1_000: POLL_S + 3}
VEN = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from cariflex_openadr.ven import Ven
from support.ven import FlexMeasuresDouble, ven_config

async def main():
    ven = Ven(ven_config(int(sys.argv[1]), {poll}, Path(sys.argv[2])), FlexMeasuresDouble())
    await ven.start()
    await ven.ended()

asyncio.run(main())
"""


@contextlib.contextmanager
def _vtn(directory: Path) -> Iterator[VtnProcess]:
    with running_cluster() as cluster:
        vtn = VtnProcess(directory / "vtn", cluster.database(), {"poll_interval_s": int(POLL_S)})
        vtn.start()
        try:
            yield vtn
        finally:
            vtn.kill()


def _request(share: float) -> dict[str, object]:
    """An event that is active at once: the VTN wants a start on a full minute."""
    start = datetime.now(UTC).replace(second=0, microsecond=0)
    return {"type": "load_control", "value": share, "duration_s": 3600, "start": start.isoformat()}


async def measure(size: int, events: int) -> list[Figure]:
    """Latencies over all events and devices."""
    latencies: list[float] = []
    names = [row.resource_id for row in fleet(size)]
    with tempfile.TemporaryDirectory() as found, _vtn(Path(found)) as vtn:
        directory = Path(found)
        database = directory / "ven.sqlite3"
        ven = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            VEN.format(poll=POLL_S),
            str(vtn.openadr_port),
            str(database),
        )
        try:
            async with served("cem", str(directory), str(size)) as (_, port):
                clients = Clients(port, names)
                await clients.connect()
                for count in range(events):
                    # A value of its own tells this event's instructions from the others'.
                    share = round(0.6 - 0.05 * count, 2)
                    await asyncio.sleep(POLL_S * count / events)
                    began = time.monotonic()
                    event = vtn.ask("/events", _request(share), "POST")
                    moments = await clients.until_factor(share, within_s=120)
                    latencies += [moment - began for moment in moments]
                    vtn.ask(f"/events/{event['event_id']}/cancel", {}, "POST")
                    await clients.until_last(1.0, within_s=120)
                await clients.close()
        finally:
            ven.kill()
            await ven.wait()
    name = f"end to end, {size} devices, {events} events: event to setpoint"
    ranks = statistics.quantiles(latencies, n=100)
    return [
        Figure(f"{name}, p50", ranks[49], "s"),
        Figure(f"{name}, p95", ranks[94], "s", goal=GOALS_S.get(size)),
    ]
