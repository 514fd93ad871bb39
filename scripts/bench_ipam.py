#!/usr/bin/env python3
"""Measures phpipam_sync against one task an address, on a phpIPAM double on this machine.

``make bench-ipam`` writes ``build/bench/ipam.json``: a list of figures, as the other benches do. With
``SIZES="1 50"`` it measures these alone; figures of other sizes stay.
Each figure is one run of ``ansible-playbook``, its start-up included. The double answers faster than a real
phpIPAM across a network, so a real difference is larger: it follows the requests, which are counted too.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
REPORT = REPOSITORY / "build" / "bench" / "ipam.json"
SIZES = tuple(map(int, os.environ.get("SIZES", "1 50 250 1000").split()))
# One task an address takes a few tenths of a second: beyond this many addresses the peer runs on SAMPLE
# of them, in a subnet that holds the others, and what it took is multiplied. The figure's name says so.
LARGEST_PEER = int(os.environ.get("LARGEST_PEER", "250"))
SAMPLE = 50
# Size -> most requests of the first and of the second run.
GOALS = {250: (255, 4)}
OURS = {"section": "Bench", "owner": "bench"}


@contextmanager
def phpipam() -> Iterator[str]:
    """Start a double of its own for one measurement; yields its url."""
    command = [sys.executable, "-m", "tests.doubles.phpipam"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as double:
        if double.stdin is None or double.stdout is None:
            sys.exit("bench: the double has no pipes")
        yield double.stdout.readline().strip()
        double.stdin.close()


def play(url: str, folder: Path, tasks: list[dict[str, Any]]) -> tuple[float, int]:
    """Run tasks on localhost; wall time in seconds and requests sent. A failure ends the bench."""
    counted = [
        *tasks,
        {"ansible.builtin.debug": {"msg": "REQUESTS {{ counted.results | default([counted])"
                                          " | map(attribute='requests') | sum }}"}},
    ]  # fmt: skip
    playbook = folder / "bench.yml"
    document = [{"hosts": "localhost", "gather_facts": False, "tasks": counted}]
    playbook.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    environment = {
        **os.environ,
        "PHPIPAM_URL": url,
        "PHPIPAM_APP_ID": "ansible",
        "PHPIPAM_APP_CODE": "code-of-the-double",
    }
    here = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    start = time.monotonic()
    done = subprocess.run(
        ["ansible-playbook", *here, str(playbook)],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s = time.monotonic() - start
    counter = re.search(r"REQUESTS (\d+)", done.stdout)
    if done.returncode != 0 or counter is None:
        sys.exit(f"bench: a run failed\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return wall_s, int(counter[1])


def whole(first: int, count: int) -> list[dict[str, Any]]:
    """One task for the addresses from number ``first`` up to ``count``."""
    addresses = [{"hostname": f"meter-{number}"} for number in range(first, count)]
    subnets = [{"cidr": "10.0.0.0/16", "addresses": addresses}]
    return [{"phpipam_sync": {**OURS, "subnets": subnets}, "register": "counted"}]


def single(count: int) -> list[dict[str, Any]]:
    """One task an address."""
    return [
        {
            "phpipam_address": {**OURS, "subnet": "10.0.0.0/16", "hostname": "meter-{{ item }}"},
            "loop": list(range(count)),
            "register": "counted",
        }
    ]


def figure(
    name: str, value: float, unit: str, peer: float | None = None, goal: float | None = None
) -> dict[str, Any]:
    """One line of the report; *goal* bounds the value."""
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "peer_value": None if peer is None else round(peer, 2),
        "ratio": None if peer is None else round(value / peer, 4),
        "goal": goal,
        "met": None if goal is None else value <= goal,
    }


def measure(count: int, folder: Path) -> list[dict[str, Any]]:
    """First and second run for ``count`` addresses, and the same with a task an address."""
    sample = count if count <= LARGEST_PEER else SAMPLE
    subnet = [{"phpipam_subnet": {**OURS, "cidr": "10.0.0.0/16"}, "register": "counted"}]
    with phpipam() as url:
        play(url, folder, subnet)
        ours = [play(url, folder, whole(0, count)) for _ in range(2)]
    with phpipam() as url:
        play(url, folder, subnet if sample == count else whole(sample, count))
        start_s, _ = play(url, folder, single(0))
        runs = [play(url, folder, single(sample)) for _ in range(2)]
    times = count / sample
    peers = [(start_s + (wall_s - start_s) * times, requests * times) for wall_s, requests in runs]
    peer_name = "" if sample == count else f" (peer: {sample} tasks run, counted {times:g} times)"
    report = []
    goals = GOALS.get(count, (None, None))
    for label, (wall_s, requests), peer, goal in zip(("first", "second"), ours, peers, goals, strict=True):
        name = f"{count} addresses, {label} run{peer_name}"
        report.append(figure(name, wall_s, "s", peer[0]))
        report.append(figure(name, requests, "requests", peer[1], goal))
    return report


def main() -> None:
    """Measure, print and write the report."""
    known = json.loads(REPORT.read_text(encoding="utf-8")) if REPORT.is_file() else []
    figures: dict[int, list[dict[str, Any]]] = {}
    for line in known:
        figures.setdefault(int(line["name"].split()[0]), []).append(line)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        for count in SIZES:
            figures[count] = measure(count, Path(name))
            print("\n".join(json.dumps(line) for line in figures[count]), flush=True)
            report = [line for size in sorted(figures) for line in figures[size]]
            REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written to {REPORT.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
