"""Many resource managers in one process, as light as can be: the server is measured, not they."""

import asyncio
import json
import resource as limits
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from s2.raw_peer import battery_description, new_id, stable_id
from s2.support import token_of

AT_ONCE = 50


@dataclass(slots=True)
class Client:
    """One connection. ``instructed`` are the moments at which instructions came, by their mode's factor."""

    name: str
    socket: aiohttp.ClientWebSocketResponse
    instructed: list[tuple[float, float]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, kind: str, **fields: object) -> None:
        await self.socket.send_str(json.dumps({"message_type": kind, "message_id": new_id(), **fields}))

    async def read(self) -> None:
        """Acknowledge all that comes, go on with the introduction, note instructions."""
        async for frame in self.socket:
            message = json.loads(frame.data)
            kind = message["message_type"]
            if kind == "ReceptionStatus":
                if message["status"] != "OK":
                    raise RuntimeError(f"{self.name}: {message}")
                continue
            if kind == "FRBC.Instruction":
                self.instructed.append((time.monotonic(), message["operation_mode_factor"]))
                self.news.set()
            await self.socket.send_str(
                json.dumps(
                    {
                        "message_type": "ReceptionStatus",
                        "subject_message_id": message["message_id"],
                        "status": "OK",
                    }
                )
            )
            if kind == "HandshakeResponse":
                await self._details()
            elif kind == "SelectControlType":
                await self.socket.send_str(json.dumps(battery_description(self.name)))
                await self.say("FRBC.StorageStatus", present_fill_level=20.0)

    async def _details(self) -> None:
        await self.say(
            "ResourceManagerDetails",
            resource_id=stable_id(self.name, "resource"),
            roles=[{"role": "ENERGY_STORAGE", "commodity": "ELECTRICITY"}],
            instruction_processing_delay=0,
            available_control_types=["FILL_RATE_BASED_CONTROL"],
            provides_forecast=False,
            provides_power_measurement_types=["ELECTRIC.POWER.L1"],
        )


class Clients:
    """A fleet of clients, each instructed once after ``connect``."""

    def __init__(self, port: int, names: list[str]) -> None:
        self._port, self._names = port, names
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.clients: list[Client] = []

    async def connect(self) -> None:
        """Connect all, some at a time, and wait for their first instructions."""
        soft, hard = limits.getrlimit(limits.RLIMIT_NOFILE)
        limits.setrlimit(limits.RLIMIT_NOFILE, (min(hard, max(soft, 2 * len(self._names) + 200)), hard))
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        gate = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._connect(name, gate) for name in self._names))

    async def _connect(self, name: str, gate: asyncio.Semaphore) -> None:
        if self._session is None:
            raise RuntimeError("not open")
        async with gate:
            socket = await self._session.ws_connect(
                f"http://127.0.0.1:{self._port}/s2/{name}",
                headers={"Authorization": f"Bearer {token_of(name)}"},
                compress=0,
            )
            client = Client(name, socket)
            self.clients.append(client)
            self._tasks.append(asyncio.create_task(client.read()))
            await client.say("Handshake", role="RM", supported_protocol_versions=["0.0.2-beta"])
            await client.news.wait()

    async def until_factor(self, factor: float, within_s: float = 300) -> list[float]:
        """Wait until every client was told ``factor``; the moments at which they were."""
        await _until_all(self.clients, lambda client: _told(client, factor), within_s)
        return [next(at for at, told in client.instructed if _near(told, factor)) for client in self.clients]

    async def until_last(self, factor: float, within_s: float) -> None:
        """Wait until ``factor`` is what every client was told last."""
        await _until_all(self.clients, lambda client: _near(client.instructed[-1][1], factor), within_s)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(client.socket.close() for client in self.clients), return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


async def _until_all(clients: list[Client], holds: Callable[[Client], bool], within_s: float) -> None:
    left = list(clients)
    async with asyncio.timeout(within_s):
        while left := [client for client in left if not holds(client)]:
            left[0].news.clear()
            await left[0].news.wait()


def _told(client: Client, factor: float) -> bool:
    return any(_near(told, factor) for _, told in client.instructed)


def _near(told: float, factor: float) -> bool:
    return abs(told - factor) < 1e-9
