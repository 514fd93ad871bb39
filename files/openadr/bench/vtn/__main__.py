"""The measurements, kept in build/bench/openadr.json: {name, value, unit, peer_value, ratio, goal, met} each.

CPU a request is the server's own, from /proc: other work on the machine disturbs it little. Rates and
latencies depend on what else runs, and on the client, which has the other core at best.
"""

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree
from openleadr.messaging import create_message

from bench.vtn import stock
from bench.vtn.load import Figures, closed_loop, memory_mb, open_loop, pipelined
from bench.vtn.ours import serving, ven_ids
from cariflex_openadr.control import call
from cariflex_openadr.messages import replies, signature
from cariflex_openadr.messages.document import OADR, parse
from cariflex_openadr.runtime import new_id
from cariflex_openadr.security.authority import Authority, Credentials
from cariflex_openadr.settings import Listen
from support.postgres import Cluster, running_cluster
from support.processes import VtnProcess, free_port
from support.vtn import TOKEN

OUTPUT = Path(__file__).resolve().parents[4] / "build" / "bench" / "openadr.json"
POLLS, EVENT_REPLIES, SIGNED, STOCK_SIGNED = 4000, 1500, 150, 20
MANY_VENS, INTERVAL_S, LATE_S = 5000, 10.0, 10.0
MANY_FOR_S = float(os.environ.get("BENCH_SECONDS", "30"))
HOUR_OF_POLLS = 360
PIPELINED = 20_000
PIPELINE = 64
FLAT_MB = 5.0


class Report:
    """Figures as they come."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        peer: float | None = None,
        goal: str = "",
        met: bool | None = None,
    ) -> None:
        """Keep and print a figure."""
        row = {
            "name": name,
            "value": round(value, 4),
            "unit": unit,
            "peer_value": None if peer is None else round(peer, 4),
            "ratio": None if not peer else round(value / peer, 4),
            "goal": goal,
            "met": met,
        }
        self.rows.append(row)
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


@contextmanager
def stock_server(mode: str, vens: int, *files: str) -> Iterator[tuple[int, int]]:
    """Port and process id of stock openleadr."""
    port = free_port()
    command = [sys.executable, str(stock.__file__), str(port), str(vens), mode, *files]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline or process.poll() is not None:
                        raise
                    time.sleep(0.1)
            yield port, process.pid
        finally:
            process.kill()


def polls(vens: int, count: int) -> list[str]:
    """Polls of VENs in turn."""
    texts = [str(create_message("oadrPoll", ven_id=ven_id)) for ven_id in ven_ids(vens)]
    return [texts[number % vens] for number in range(count)]


def event_requests(vens: int, count: int) -> list[str]:
    """oadrRequestEvent of VENs in turn."""
    texts = [str(create_message("oadrRequestEvent", ven_id=item, request_id="r")) for item in ven_ids(vens)]
    return [texts[number % vens] for number in range(count)]


async def warmed(port: int, pid: int, service: str, bodies: list[str]) -> Figures:
    """The figures of a load after a tenth of it."""
    await closed_loop([port], [pid], service, bodies[: len(bodies) // 10])
    return await closed_loop([port], [pid], service, bodies)


async def idle_poll(report: Report, cluster: Cluster, directory: Path) -> None:
    """A poll without news."""
    with stock_server("idle", 100) as (port, pid):
        peer = await warmed(port, pid, "OadrPoll", polls(100, POLLS))
    assert b"oadrResponse" in peer.last_body
    with serving(cluster, directory, 100, answered=True) as (vtn,):
        ours = await warmed(vtn.openadr_port, vtn.pid, "OadrPoll", polls(100, POLLS))
    assert b"oadrResponse" in ours.last_body
    report.add(
        "idle poll, CPU a request",
        ours.cpu_ms,
        "ms",
        peer=peer.cpu_ms,
        goal="<= 1.0 x stock in memory",
        met=ours.cpu_ms <= peer.cpu_ms,
    )
    report.add("idle poll, rate of a closed loop", ours.rate, "1/s", peer=peer.rate)


async def event_reply(report: Report, cluster: Cluster, directory: Path) -> None:
    """24 h of prices and a load control event."""
    with stock_server("events", 10) as (port, pid):
        peer = await warmed(port, pid, "EiEvent", event_requests(10, EVENT_REPLIES // 10))
    with serving(cluster, directory, 10, answered=False) as (vtn,):
        ours = await warmed(vtn.openadr_port, vtn.pid, "EiEvent", event_requests(10, EVENT_REPLIES))
    assert ours.last_body.count(b"<ei:interval>") == 25
    report.add(
        "event reply (24 h price + load control), CPU a request",
        ours.cpu_ms,
        "ms",
        peer=peer.cpu_ms,
        goal="<= 0.6 ms",
        met=ours.cpu_ms <= 0.6,
    )
    report.add("event reply, size", len(ours.last_body), "bytes", peer=len(peer.last_body))


async def signed_reply(report: Report, cluster: Cluster, directory: Path) -> None:
    """A signed request and its signed reply, against stock's signing of the same reply."""
    for key_type in ("ec", "rsa"):
        with serving(cluster, directory / key_type, 10, answered=False) as (vtn,):
            ven = _add_ven(vtn, key_type)
            texts = [_signed("oadrRequestEvent", ven) for _ in range(SIGNED)]
            registration = {
                "ven_name": "signer",
                "http_pull_model": True,
                "xml_signature": True,
                "report_only": False,
                "profile_name": "2.0b",
                "transport_name": "simpleHttp",
            }
            register = _signed("oadrCreatePartyRegistration", ven, **registration)
            await closed_loop([vtn.openadr_port], [vtn.pid], "EiRegisterParty", [register], 1)
            ours = await closed_loop([vtn.openadr_port], [vtn.pid], "EiEvent", texts)
            assert b"<ds:Signature" in ours.last_body
        made = _made_and_signed(ours.last_body, directory / key_type)
        files = (str(directory / key_type / "cert.pem"), str(directory / key_type / "key.pem"))
        Path(files[0]).write_text(ven["certificate"], encoding="utf-8")
        Path(files[1]).write_text(ven["key"], encoding="utf-8")
        with stock_server("events", 10, *files) as (port, pid):
            peer = await warmed(port, pid, "EiEvent", event_requests(10, STOCK_SIGNED))
        name = "P-256" if key_type == "ec" else "RSA-2048"
        report.add(
            f"signed event reply {name}, CPU a request that is itself signed and verified",
            ours.cpu_ms,
            "ms",
            peer=peer.cpu_ms,
            goal="<= 2 ms (peer verifies nothing)",
            met=ours.cpu_ms <= 2,
        )
        if key_type == "ec":
            report.add(f"signing one event reply {name}, CPU", made, "ms")


def _add_ven(vtn: VtnProcess, key_type: str) -> dict[str, Any]:
    body = {"ven_id": "signer", "key_type": key_type}
    return call(Listen("127.0.0.1", vtn.operator_port), "/vens", body, method="POST", token=TOKEN)


def _signed(kind: str, ven: dict[str, Any], **payload: Any) -> str:
    """Signed by our own signer, because openleadr's is so slow that the first messages would be too old."""
    unsigned = parse(create_message(kind, ven_id="signer", request_id="r", **payload).encode())
    canonical = etree.tostring(unsigned.find(f"{OADR}oadrSignedObject"), method="c14n").decode()
    key = serialization.load_pem_private_key(ven["key"].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    credentials = Credentials(key, x509.load_pem_x509_certificate(ven["certificate"].encode()))
    return replies.payload(canonical, signature.sign(canonical, credentials, datetime.now(UTC), new_id()))


def _made_and_signed(body: bytes, directory: Path) -> float:
    """CPU milliseconds of signing a reply that is rendered already."""
    start = body.index(b"<oadr:oadrSignedObject")
    text = body[start : body.index(replies.PAYLOAD_TAIL.encode())].decode()
    directory.mkdir(exist_ok=True)
    credentials: Credentials = Authority.open(directory, "BENCH", (), "ec").vtn
    before, count = time.process_time(), 500
    for _ in range(count):
        signature.sign(text, credentials, datetime.now(UTC), new_id())
    return 1000 * (time.process_time() - before) / count


async def many_vens(report: Report, cluster: Cluster, directory: Path) -> None:
    """Thousands of VENs at their poll interval, served from one core."""
    one_core = [["taskset", "-c", "0"]]
    with serving(cluster, directory, MANY_VENS, answered=True, prefixes=one_core) as (vtn,):
        bodies = polls(MANY_VENS, MANY_VENS)
        ours = await open_loop([vtn.openadr_port], [vtn.pid], "OadrPoll", bodies, INTERVAL_S, MANY_FOR_S)
    late = sum(latency > LATE_S for latency in ours.latencies_s)
    what = f"{MANY_VENS} VENs at {INTERVAL_S:g} s, one core"
    report.add(f"{what}: late polls", late, "polls", goal="0 (late: at its next one)", met=late == 0)
    report.add(f"{what}: polls answered", ours.requests, "polls")
    report.add(f"{what}: share of the core", 100 * ours.cpu_s / ours.wall_s, "%")
    report.add(f"{what}: 99 % of answers within", ours.latency_ms(0.99), "ms")
    report.add(f"{what}: slowest answer", ours.latency_ms(1.0), "ms")


async def two_processes(report: Report, cluster: Cluster, directory: Path) -> None:
    """How rate and cost change with a second process on the same database, each on a core of its own.

    The client writes many polls at once, so that it takes little of the cores of the servers.
    """
    cores = [["taskset", "-c", str(number % (os.cpu_count() or 1))] for number in range(2)]
    # Of many VENs in turn: the VTN limits what one may ask.
    bodies, found = polls(PIPELINE, PIPELINE), {}
    for count in (1, 2):
        with serving(
            cluster, directory / str(count), 100, processes=count, answered=True, prefixes=cores[:count]
        ) as vtns:
            ports, pids = [vtn.openadr_port for vtn in vtns], [vtn.pid for vtn in vtns]
            await pipelined(ports, pids, "OadrPoll", bodies, PIPELINED // 10)
            found[count] = await pipelined(ports, pids, "OadrPoll", bodies, count * PIPELINED)
    (one, one_each, client), (two, two_each, client_of_two) = found[1], found[2]
    what = "two processes beside one, a core each"
    report.add(f"{what}: polls answered", two.rate, "1/s", peer=one.rate, goal="none given; at most 2")
    report.add(f"{what}: CPU a poll of the dearer process", max(two_each), "ms", peer=one_each[0])
    report.add(f"{what}: share of a core that each process had", 50 * two.cpu_s / two.wall_s, "%")
    report.add(f"{what}: CPU a poll of the client", client_of_two, "ms", peer=client)


async def memory(report: Report, cluster: Cluster, directory: Path) -> None:
    """An hour's worth of polls of 100 VENs."""
    vens = 100
    with serving(cluster, directory, vens, answered=True) as (vtn,):
        bodies = polls(vens, vens * HOUR_OF_POLLS // 10)
        sizes: list[float] = []
        for _ in range(10):
            await closed_loop([vtn.openadr_port], [vtn.pid], "OadrPoll", bodies)
            sizes.append(memory_mb(vtn.pid))
    grown = sizes[-1] - sizes[1]
    report.add(
        f"memory, growth from a fifth to the end of {vens * HOUR_OF_POLLS} polls",
        grown,
        "MB",
        goal=f"<= {FLAT_MB:g} MB",
        met=grown <= FLAT_MB,
    )
    report.add("memory, resident at the end", sizes[-1], "MB")


MEASURES = (idle_poll, event_reply, signed_reply, many_vens, two_processes, memory)


async def run(names: list[str]) -> list[dict[str, Any]]:
    """The measurements of these names, or all."""
    report = Report()
    with tempfile.TemporaryDirectory() as folder, running_cluster(fsync=True) as cluster:
        for measure in [item for item in MEASURES if not names or item.__name__ in names]:
            directory = Path(folder) / measure.__name__
            directory.mkdir()
            await measure(report, cluster, directory)
    return report.rows


def main() -> None:
    """Measure; all of it is written to a file, with what fell short. Arguments: names of measurements."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * MANY_VENS)), hard))
    names = sys.argv[1:]
    rows = asyncio.run(run(names))
    if names:
        return
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    short = [row["name"] for row in rows if row["met"] is False]
    sys.stdout.write(f"{OUTPUT}: {len(rows)} figures; short of the goal: {'; '.join(short) or 'none'}\n")


if __name__ == "__main__":
    main()
