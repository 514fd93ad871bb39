"""Over websockets: from the VEN's commit of an event to the last instruction at the last device."""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from bench.s2.clients import Clients
from bench.s2.rows import cpu_s, fleet, resident_bytes
from s2.support import VenSide


@contextlib.asynccontextmanager
async def served(*arguments: str) -> AsyncIterator[tuple[Process, int]]:
    """A server process and its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.s2.serve", *arguments, stdout=PIPE
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no output")
        port = int(json.loads(await process.stdout.readline())["port"])
        yield process, port
    finally:
        process.kill()
        await process.wait()


async def measure(size: int) -> dict[str, float]:
    """Seconds, the server's processor time and memory for one fleet, and the peer's seconds."""
    names = [row.resource_id for row in fleet(size)]
    with tempfile.TemporaryDirectory() as directory:
        ven = VenSide(Path(directory) / "ven.sqlite3")
        async with served("cem", directory, str(size)) as (process, port):
            empty = resident_bytes(process.pid)
            clients = Clients(port, names)
            began = time.monotonic()
            await clients.connect()
            connected_s = time.monotonic() - began
            memory = resident_bytes(process.pid) - empty
            used, began = cpu_s(process.pid), time.monotonic()
            ven.promise("x-loadControlCapacity", 0.4)
            last = max(await clients.until_factor(0.4))
            found = {
                "elapsed_s": last - began,
                "cpu_s": cpu_s(process.pid) - used,
                "memory_bytes": memory,
                "connect_s": connected_s,
            }
            await clients.close()
        ven.close()
    return {**found, "peer_s": await _peer(names)}


async def _peer(names: list[str]) -> float:
    async with served("peer") as (_, port):
        clients = Clients(port, names)
        await clients.connect()
        async with aiohttp.ClientSession() as session:
            began = time.monotonic()
            (await session.post(f"http://127.0.0.1:{port}/go")).release()
            last = max(await clients.until_factor(0.4))
        await clients.close()
    return last - began
