#!/usr/bin/env python3
"""Measures the load of the simulated past beside its peers.

``make bench-history`` writes ``build/bench/history.json``: a list of
``{name, value, unit, peer_value, ratio, goal, met}``. The peers: the same rows by one raw COPY into the same
table, and values posted through FlexMeasures' API to sensors that the bench makes and removes. Needs a stack
that is up; all but the API's part happens in a database of the bench's own on the stack's server.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
REPORT = REPOSITORY / "build" / "bench" / "history.json"
DATABASE = "bench_history"
ROUNDS = 5
GOAL_RATIO = 1.5
API_SENSORS, API_VALUES = 10, 288
PSQL = ["docker", "exec", "--interactive", "flexmeasures-db", "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"]
COPY_OUT = """COPY (
  SELECT event_start, belief_horizon, cumulative_probability, event_value, sensor_id, source_id
  FROM timed_belief ORDER BY sensor_id, event_start
) TO STDOUT;"""
COPY_IN = """COPY timed_belief
  (event_start, belief_horizon, cumulative_probability, event_value, sensor_id, source_id) FROM STDIN;"""


def run(command: list[str], text: str = "") -> str:
    """Give standard output; a failure ends the bench with the command's own words."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command[:8])} failed\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def sql(statement: str, database: str = DATABASE) -> str:
    """Give what the superuser gets for a statement."""
    return run([*PSQL, "-tA", "-U", "postgres", "-d", database], statement).strip()


def seconds(work: str) -> float:
    """Take the wall time of a script in the bench's database, from an empty and settled table on."""
    sql("TRUNCATE timed_belief; CHECKPOINT;")
    begun = time.monotonic()
    run([*PSQL, "-U", "postgres", "-d", DATABASE], work)
    return time.monotonic() - begun


def copy_of_the_schema() -> None:
    """Make FlexMeasures' tables with sensors and data sources, without a single value."""
    sql(f"DROP DATABASE IF EXISTS {DATABASE};", "postgres")
    sql(f"CREATE DATABASE {DATABASE};", "postgres")
    dump = ["docker", "exec", "flexmeasures-db", "pg_dump", "-U", "postgres", "-d", "flexmeasures"]
    schema = run([*dump, "--exclude-table-data=timed_belief", "--no-owner", "--no-privileges"])
    run([*PSQL, "-U", "postgres", "-d", DATABASE], schema)


def bulk(report: list[dict[str, Any]], script: str) -> None:
    """Time the script and raw COPY of the same rows, in turn."""
    seconds(script)
    count = int(sql("SELECT count(*) FROM timed_belief;"))
    rows = sql(COPY_OUT)
    raw = f"{COPY_IN}\n{rows}\n\\.\n"
    times = [(seconds(script), seconds(raw)) for _ in range(ROUNDS)]
    ours, peer = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = ours / peer
    report.append(
        {
            "name": f"load of {count} simulated beliefs, median of {ROUNDS}; peer: raw COPY",
            "value": round(ours, 3),
            "unit": "s",
            "peer_value": round(peer, 3),
            "ratio": round(ratio, 2),
            "goal": f"ratio <= {GOAL_RATIO}",
            "met": ratio <= GOAL_RATIO,
        }
    )
    report.append(
        {
            "name": "rate of the load; peer: raw COPY",
            "value": round(count / ours),
            "unit": "beliefs/s",
            "peer_value": round(count / peer),
            "ratio": round(peer / ours, 2),
            "goal": None,
            "met": None,
        }
    )


class Api:
    """FlexMeasures' API as its administrator."""

    def __init__(self, address: str, email: str, password: str) -> None:
        self.address = address
        answer = self.call("POST", "/api/requestAuthToken", {"email": email, "password": password}, token="")
        self.token = str(answer["auth_token"])

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> dict[str, Any]:
        """Give the answer's JSON. A refusal ends the bench."""
        data = None if body is None else json.dumps(body)
        headers = {
            # FlexMeasures answers only to names that it trusts.
            "Host": "flexmeasures-server",
            "Content-Type": "application/json",
            "Authorization": self.token if token is None else token,
        }
        connection = http.client.HTTPConnection(self.address, timeout=120)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            sys.exit(f"bench: {method} {path}: {answer.status} {text[:500]!r}")
        found: dict[str, Any] = json.loads(text) if text else {}
        return found


def api(report: list[dict[str, Any]], client: Api, script: str) -> None:
    """Time a day of values of some sensors through the API, beside a load."""
    asset = json.loads(
        sql("SELECT json_build_object('id', generic_asset_id) FROM sensor WHERE id = 41;", "flexmeasures")
    )["id"]
    made = []
    try:
        for number in range(API_SENSORS):
            sensor = {
                "name": f"bench {number}",
                "unit": "kW",
                "event_resolution": "PT5M",
                "generic_asset_id": asset,
            }
            made.append(client.call("POST", "/api/v3_0/sensors", sensor)["id"])
        start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        post = {"values": [1.5] * API_VALUES, "start": start.isoformat(), "duration": "PT24H", "unit": "kW"}
        begun = time.monotonic()
        for number in made:
            client.call("POST", f"/api/v3_0/sensors/{number}/data", post)
        by_api = time.monotonic() - begun
    finally:
        for number in made:
            client.call("DELETE", f"/api/v3_0/sensors/{number}")
    whole = seconds(script)
    ours = whole / int(sql("SELECT count(*) FROM timed_belief;"))
    peer = by_api / (API_SENSORS * API_VALUES)
    report.append(
        {
            "name": f"time of one belief in the load; peer: posted through the API, {API_VALUES} a post",
            "value": round(ours * 1e6, 1),
            "unit": "us",
            "peer_value": round(peer * 1e6, 1),
            "ratio": round(ours / peer, 3),
            "goal": None,
            "met": None,
        }
    )


def history_script(root: Path) -> tuple[str, float]:
    """Give what the one-shot prints, and how long it takes."""
    fragment = root / "compose" / "openadr" / "cariflex-simulator.yml"
    begun = time.monotonic()
    compose = [
        "docker",
        "compose",
        "--project-name=cariflex-openadr",
        f"--file={fragment}",
        "--profile=history",
    ]
    script = run([*compose, "run", "--rm", "--no-deps", "--no-TTY", "cariflex-simulator-history"])
    return script, time.monotonic() - begun


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/opt/cariflex"), help="cariflex_root")
    parser.add_argument("--secrets", type=Path, default=REPOSITORY / ".secrets" / "dev")
    parser.add_argument("--api", default="192.168.241.10:5000", help="FlexMeasures' server")
    parser.add_argument("--email", default="admin@digitribe.fr")
    options = parser.parse_args()
    report: list[dict[str, Any]] = []
    script, generated_s = history_script(options.root)
    report.append(
        {
            "name": "making the script, container's start included",
            "value": round(generated_s, 2),
            "unit": "s",
            "peer_value": None,
            "ratio": None,
            "goal": None,
            "met": None,
        }
    )
    copy_of_the_schema()
    try:
        bulk(report, script)
        password = (options.secrets / "flexmeasures_admin").read_text(encoding="utf-8").strip()
        api(report, Api(options.api, options.email, password), script)
    finally:
        sql(f"DROP DATABASE {DATABASE};", "postgres")
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for row in report:
        print(f"{row['name']}: {row['value']} {row['unit']} (peer {row['peer_value']}, ratio {row['ratio']})")


if __name__ == "__main__":
    main()
