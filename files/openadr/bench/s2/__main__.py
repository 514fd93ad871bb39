"""Runs every measurement and writes build/bench/s2.json."""

import argparse
import asyncio
import json
import subprocess
import sys
from pathlib import Path

from bench.s2 import end_to_end, sockets
from bench.s2.rows import SIZES, Figure

RESULT = Path(__file__).resolve().parents[4] / "build" / "bench" / "s2.json"


def _in_memory(size: int) -> list[Figure]:
    output = subprocess.run(
        [sys.executable, "-m", "bench.s2.memory", str(size)], check=True, capture_output=True, text=True
    ).stdout
    found = json.loads(output)
    return _figures(f"in memory, {size} devices", size, found)


def _over_websockets(size: int) -> list[Figure]:
    found = asyncio.run(sockets.measure(size))
    name = f"websockets, {size} devices"
    return [*_figures(name, size, found), Figure(f"{name}: all connected", found["connect_s"], "s")]


def _figures(name: str, size: int, found: dict[str, float]) -> list[Figure]:
    return [
        Figure(f"{name}: signal to last instruction", found["elapsed_s"], "s", found["peer_s"]),
        Figure(f"{name}: CPU an instruction", 1e6 * found["cpu_s"] / size, "us"),
        Figure(f"{name}: memory a device", found["memory_bytes"] / size / 1024, "KiB"),
    ]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--events", type=int, default=5, help="events end to end; 0: none")
    arguments = parser.parse_args()
    figures = [figure for size in arguments.sizes for figure in _in_memory(size)]
    figures += [figure for size in arguments.sizes for figure in _over_websockets(size)]
    if arguments.events:
        for size in end_to_end.GOALS_S:
            figures += asyncio.run(end_to_end.measure(size, arguments.events))
    rows = [figure.as_row() for figure in figures]
    for row in rows:
        sys.stdout.write(json.dumps(row) + "\n")
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
