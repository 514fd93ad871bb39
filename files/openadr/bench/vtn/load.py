"""Load on an HTTP server by bare sockets and ready requests, so that the client does not hide the server."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def memory_mb(pid: int) -> float:
    """Resident memory of a process, in MB."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE_BYTES / 1e6


def http_request(port: int, service: str, body: str) -> bytes:
    """A POST of an OpenADR message, ready to be sent."""
    content = body.encode()
    head = (
        f"POST /OpenADR2/Simple/2.0b/{service} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/xml\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer; RuntimeError unless it is 200."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(f"{head.partition(b'\r\n')[0]!r}: {body[:200]!r}")
        return body

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()


@dataclass
class Figures:
    """What a load cost and how it went."""

    requests: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    last_body: bytes = b""

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a request."""
        return 1000 * self.cpu_s / self.requests

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.wall_s

    def latency_ms(self, share: float) -> float:
        """The latency that ``share`` of the requests stay below."""
        found = sorted(self.latencies_s)
        return 1000 * found[min(len(found) - 1, int(share * len(found)))]


async def closed_loop(
    ports: Sequence[int], pids: Sequence[int], service: str, bodies: Sequence[str], connections: int = 4
) -> Figures:
    """Send each body once, as fast as the answers come."""
    figures = Figures(requests=len(bodies))
    queue = [(index % len(ports), body) for index, body in enumerate(bodies)]
    queue.reverse()

    async def work() -> None:
        open_to = [await Connection.open(port) for port in ports]
        while queue:
            number, body = queue.pop()
            figures.last_body = await open_to[number].ask(http_request(ports[number], service, body))
        for connection in open_to:
            connection.close()

    before, begun = sum(map(cpu_s, pids)), time.monotonic()
    await asyncio.gather(*(work() for _ in range(connections)))
    figures.wall_s, figures.cpu_s = time.monotonic() - begun, sum(map(cpu_s, pids)) - before
    return figures


async def pipelined(
    ports: Sequence[int], pids: Sequence[int], service: str, bodies: Sequence[str], requests: int
) -> tuple[Figures, list[float], float]:
    """All bodies in a write and many answers a read: a client that leaves the cores to the servers.

    Returns:
        The figures; CPU milliseconds a request of each process; CPU milliseconds a request of this client.
    """
    depth = len(bodies)
    each = requests // len(ports) // depth * depth
    asked = {port: b"".join(http_request(port, service, body) for body in bodies) for port in ports}

    async def work(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(each // depth):
            writer.write(asked[port])
            answered, rest = 0, b""
            while answered < depth:
                read = await reader.read(1 << 20)
                # The head of an answer may be cut in two: what is left may begin one.
                rest += read
                if not read or b"HTTP/1.1 4" in rest or b"HTTP/1.1 5" in rest:
                    raise RuntimeError(f"port {port}: answered {rest[:200]!r}; expected 200")
                answered += rest.count(b"HTTP/1.1 200")
                rest = _start_of_answer(rest)
            if answered != depth:
                raise RuntimeError(f"port {port}: {answered} answers; expected {depth}")
        writer.close()

    before, own, begun = [cpu_s(pid) for pid in pids], time.process_time(), time.monotonic()
    await asyncio.gather(*(work(port) for port in ports))
    figures = Figures(requests=each * len(ports), wall_s=time.monotonic() - begun)
    used = [cpu_s(pid) - earlier for pid, earlier in zip(pids, before, strict=True)]
    figures.cpu_s = sum(used)
    client_ms = 1000 * (time.process_time() - own) / figures.requests
    return figures, [1000 * seconds / each for seconds in used], client_ms


def _start_of_answer(read: bytes) -> bytes:
    """The part of ``read`` that may be the start of an answer's head."""
    mark = b"HTTP/1.1 200"
    lengths = range(min(len(mark) - 1, len(read)), 0, -1)
    return next((read[-length:] for length in lengths if mark.startswith(read[-length:])), b"")


async def open_loop(
    ports: Sequence[int],
    pids: Sequence[int],
    service: str,
    bodies: Sequence[str],
    interval_s: float,
    duration_s: float,
) -> Figures:
    """One sender a body, each at its own moment of every interval, whatever the answers take.

    A latency counts from the moment a request was due, so that a late sender shows too.
    """
    figures = Figures()
    connections = [await Connection.open(ports[index % len(ports)]) for index in range(len(bodies))]
    requests = [http_request(ports[index % len(ports)], service, body) for index, body in enumerate(bodies)]
    before, begun = sum(map(cpu_s, pids)), asyncio.get_running_loop().time()

    async def send(index: int) -> None:
        due = begun + interval_s * index / len(bodies)
        while due < begun + duration_s:
            now = asyncio.get_running_loop().time()
            if due > now:
                await asyncio.sleep(due - now)
            await connections[index].ask(requests[index])
            figures.latencies_s.append(asyncio.get_running_loop().time() - due)
            due += interval_s

    await asyncio.gather(*(send(index) for index in range(len(bodies))))
    figures.requests = len(figures.latencies_s)
    figures.wall_s = asyncio.get_running_loop().time() - begun
    figures.cpu_s = sum(map(cpu_s, pids)) - before
    for connection in connections:
        connection.close()
    return figures
