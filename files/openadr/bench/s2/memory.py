"""In memory: from a signal to the last instruction handed over, without sockets.

The peer builds and writes the same number of instructions with s2-python, and decides nothing.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.s2.rows import fleet, resident_bytes
from cariflex_s2.api.session import Session
from cariflex_s2.controller import Controller
from cariflex_s2.domain.model import Interval, Signal, SignalType
from cariflex_s2.messages import outbound
from cariflex_s2.metrics import Metrics
from cariflex_s2.service import Hub
from cariflex_s2.storage.ledger import Ledger
from cariflex_s2.storage.ven_file import VenFile
from cariflex_s2.telemetry import Telemetry
from s2.raw_peer import battery_description, new_id, stable_id


def utc_now() -> datetime:
    return datetime.now(UTC)


def _introduce(session: Session) -> None:
    """Everything that a resource manager says until it is under control."""
    name = session.resource.resource_id
    messages = (
        {"message_type": "Handshake", "role": "RM", "supported_protocol_versions": ["0.0.2-beta"]},
        {
            "message_type": "ResourceManagerDetails",
            "resource_id": stable_id(name, "resource"),
            "roles": [{"role": "ENERGY_STORAGE", "commodity": "ELECTRICITY"}],
            "instruction_processing_delay": 0,
            "available_control_types": ["FILL_RATE_BASED_CONTROL"],
            "provides_forecast": False,
            "provides_power_measurement_types": ["ELECTRIC.POWER.L1"],
        },
        battery_description(name),
        {"message_type": "FRBC.StorageStatus", "present_fill_level": 20.0},
    )
    for message in messages:
        session.receive(json.dumps({**message, "message_id": new_id()}))


async def measure(size: int, directory: Path) -> dict[str, float]:
    """Seconds, processor time and memory for one fleet."""
    resources = {row.resource_id: row for row in fleet(size)}
    sent: list[str] = []
    metrics = Metrics()
    controller = Controller(resources, Ledger(directory / "s2.sqlite3"), metrics, utc_now)
    telemetry = Telemetry(
        resources, VenFile(directory / "ven.sqlite3", utc_now), timedelta(days=1), metrics, utc_now
    )
    hub = Hub(controller, telemetry)
    before = resident_bytes(os.getpid())
    for row in resources.values():
        session = Session(row, sent.append, hub, utc_now)
        controller.sessions[row.resource_id] = session
        _introduce(session)
    sent.clear()
    telemetry.waiting.clear()
    memory = resident_bytes(os.getpid()) - before
    await controller.turn()
    now = utc_now()
    interval = Interval(now - timedelta(minutes=1), now + timedelta(hours=1), 0.4)
    signal = Signal("event-1", 0, SignalType.CAPACITY, (interval,))
    sent.clear()
    began, began_cpu = time.perf_counter(), time.process_time()
    controller.change_signals([(("vtn", "event-1"), signal)])
    count = await controller.turn()
    elapsed, used = time.perf_counter() - began, time.process_time() - began_cpu
    if count != size or sum("FRBC.Instruction" in text for text in sent) != size:
        raise RuntimeError(f"{count} instructions for {size} devices")
    return {"elapsed_s": elapsed, "cpu_s": used, "memory_bytes": memory, "peer_s": _peer(size)}


def _peer(size: int) -> float:
    began = time.perf_counter()
    for _ in range(size):
        outbound.instruction(uuid.uuid4(), new_id(), new_id(), 0.4, utc_now()).to_json()
    return time.perf_counter() - began


def main() -> None:
    """One fleet in a process of its own, so that memory is its own too; the result goes to stdout as JSON."""
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(measure(int(sys.argv[1]), Path(directory)))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
