#!/usr/bin/env python3
"""Measures backup, restore, the drill and the panels' queries on a server of the bench's own.

``make bench-ops`` writes ``build/bench/ops.json``: a list of
``{name, value, unit, peer_value, ratio, goal, met}``. Peers, in the same run on the same server: bare
``pg_dump`` and ``pg_restore`` with the program's own format and compression. MB/s are of the
database's size on disk.
``--beliefs N`` (1 million unless told) makes another size; ``--doctor ENV`` adds the doctor's wall time on a
stack that is up.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from tests.container.operations.conftest import ROOT, Stack, built_images, output

REPORT = ROOT / "build/bench/ops.json"
BOARD = ROOT / "roles/grafana/files/en/dashboards/ems.json"
PANEL_GOAL_MS, PANEL_RUNS = 100.0, 5
# Grafana's own window when a board opens, and the step that it asks for on a screen of usual width.
WINDOW_H, STEP_S = 24, 300
_MACRO = re.compile(r"\$__(timeFilter|timeGroup)\(([^)]*)\)")

FILL = """
DELETE FROM sensor;
INSERT INTO data_source (id, name, type) VALUES (2, 'Open-Meteo', 'user');
INSERT INTO sensor (id, name, unit, timezone, event_resolution, knowledge_horizon_fnc, knowledge_horizon_par,
  generic_asset_id, attributes)
SELECT id, name, 'kW', 'UTC', make_interval(secs => s), 'ex_post', '{}', 90, '{}'
FROM jsonb_to_recordset(:'sensors') AS new(id int, name text, s int);
INSERT INTO timed_belief
SELECT date_trunc('minute', now())
    - k * make_interval(secs => greatest(extract(epoch FROM event_resolution), 300)),
  interval '1 min' * (1 - told), 0.5, 100 * random(), sensor.id, 1 + sensor.id % 2
FROM sensor, generate_series(1, :events) k, generate_series(0, 1) told WHERE told = 0 OR k % 10 = 0;
ANALYZE
"""
# Inside the database's container.
BARE_DUMP = "/var/lib/postgresql/bare.dump"

Row = dict[str, Any]


def row(name: str, value: float, unit: str, peer: float | None = None, goal: float | None = None) -> Row:
    """One figure; ``goal`` bounds the ratio where there is a peer, the value elsewhere."""
    ratio = value / peer if peer else None
    judged = ratio if ratio is not None else value
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "peer_value": None if peer is None else round(peer, 3),
        "ratio": None if ratio is None else round(ratio, 3),
        "goal": goal,
        "met": None if goal is None else judged <= goal,
    }


def timed(work: list[str]) -> float:
    """Wall time in seconds of a program that must succeed."""
    begun = time.monotonic()
    done = subprocess.run(work, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(work[:8])} failed\n{done.stdout[-1000:]}\n{done.stderr[-1000:]}")
    return time.monotonic() - begun


def sensors() -> list[tuple[int, str, int]]:
    """(id, name, seconds of an event) of dev's sensors; an instantaneous one has a value every 5 minutes."""
    table = yaml.safe_load((ROOT / "inventories/dev/group_vars/all/sensors.yml").read_text(encoding="utf-8"))
    minutes = {"PT0M": 0, "PT1M": 1, "PT5M": 5, "PT15M": 15, "PT1H": 60}
    return [
        (
            group["first_id"] + n,
            group["name"].replace("{nn}", f"{n + 1:02d}"),
            60 * minutes[group["resolution"]],
        )
        for group in table["cariflex_sensor_groups"]
        for n in range(group.get("count", 1))
    ]


def fill(stack: Stack, beliefs: int) -> None:
    """Give every sensor as many events as the others, the newest one now; each tenth is told twice."""
    known = sensors()
    rows = json.dumps([{"id": number, "name": name, "s": seconds} for number, name, seconds in known])
    stack.sql(FILL, sensors=rows, events=beliefs * 10 // 11 // len(known))


def move(stack: Stack, folder: Path, beliefs: int, report: list[Row]) -> None:
    """Backup and restore beside the bare programs, then the drill."""
    size_mb = int(stack.sql("SELECT pg_database_size('flexmeasures')")) / 1e6
    label = f"{beliefs / 1e6:g} M beliefs"
    bare = ["docker", "exec", stack.database]
    dump = [
        *bare,
        "pg_dump",
        "-U",
        "postgres",
        "--format=custom",
        "--compress=zstd:3",
        f"--file={BARE_DUMP}",
    ]
    bare_backup = timed([*dump, "flexmeasures"])
    ours = timed(stack.command("backup"))
    [archive] = stack.archives()
    bare_mb = int(output(*bare, "stat", "--format=%s", BARE_DUMP)) / 1e6
    report += [
        row(f"backup of {label}, verified by reading back; peer: bare pg_dump", ours, "s", bare_backup, 2.0),
        row(f"backup of {label}", size_mb / ours, "MB/s", size_mb / bare_backup),
        row(f"archive of {label}; peer: bare dump", archive.stat().st_size / 1e6, "MB", bare_mb),
    ]
    stack.sql("CREATE DATABASE bare", "postgres")
    bare_restore = timed([*bare, "pg_restore", "-U", "postgres", "-d", "bare", BARE_DUMP])
    stack.sql("DROP DATABASE bare", "postgres")
    ours = timed(stack.command("restore", str(archive), "--confirm", "dev"))
    report += [
        row(f"restore of {label}, checked; peer: bare pg_restore", ours, "s", bare_restore, 2.0),
        row(f"restore of {label}", size_mb / ours, "MB/s", size_mb / bare_restore),
    ]
    (folder / "sensor_map.json").write_text(json.dumps({"sensors": [{"id": s[0]} for s in sensors()]}))
    timed(stack.command("drill", str(archive), newest_belief_s=86400))
    lines = stack.metrics.read_text(encoding="utf-8").splitlines()
    figures = {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}
    for name in ("rpo", "rto"):
        value = figures[f"cariflex_restore_drill_{name}_seconds"]
        report.append(row(f"drill of {label}: {name.upper()} (database alone)", value, "s"))


def expand(sql: str) -> str:
    """Grafana's macros, for the last WINDOW_H hours."""

    def one(found: re.Match[str]) -> str:
        words = [word.strip() for word in found[2].split(",")]
        if found[1] == "timeFilter":
            return f"{words[0]} BETWEEN now() - interval '{WINDOW_H} hours' AND now()"
        return f"floor(extract(epoch from {words[0]})/{STEP_S})*{STEP_S}"

    return _MACRO.sub(one, sql.replace("$__interval", f"{STEP_S // 60}m"))


def panels(stack: Stack, report: list[Row]) -> None:
    """Time each panel's slowest query as the server plans and runs it; the median after a first run."""
    stack.sql("CREATE DATABASE openadr", "postgres")
    for path in sorted((ROOT / "files/openadr/src/cariflex_openadr/storage/migrations").glob("*.sql")):
        stack.sql(path.read_text(encoding="utf-8"), "openadr")
    for panel in json.loads(BOARD.read_text(encoding="utf-8"))["panels"]:
        slowest = 0.0
        for target in panel["targets"]:
            database = target["datasource"]["uid"].removeprefix("cariflex-")
            script = f"EXPLAIN (ANALYZE, FORMAT JSON) {expand(target['rawSql'])}"
            plans = [json.loads(stack.sql(script, database))[0] for _ in range(PANEL_RUNS + 1)][1:]
            took = [plan["Planning Time"] + plan["Execution Time"] for plan in plans]
            slowest = max(slowest, statistics.median(took))
        report.append(row(f"panel: {panel['title']}", slowest, "ms", goal=PANEL_GOAL_MS))


def doctor(environment: str, report: list[Row]) -> None:
    """Wall time of an examination of the running stack; what it finds does not matter here."""
    command = ["ansible-playbook", "-i", f"inventories/{environment}", "playbooks/operations/doctor.yml"]
    begun = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "ok " not in done.stdout:
        sys.exit(f"bench: the doctor did not run\n{done.stdout[-1500:]}\n{done.stderr[-500:]}")
    report.append(row(f"doctor, {environment}", time.monotonic() - begun, "s", goal=60.0))


def main() -> int:
    """Measure, print, write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--beliefs", type=int, default=1_000_000)
    parser.add_argument("--doctor", metavar="ENV", default="")
    arguments = parser.parse_args()
    report: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="cariflex-bench-") as name:
        folder = Path(name)
        (folder / "images").mkdir()
        stack = Stack(folder, built_images(folder / "images"))
        # The server reads its secrets as a user of its own.
        folder.chmod(0o755)
        stack.write_files()
        try:
            stack.start()
            stack.prepare()
            stack.reset()
            fill(stack, arguments.beliefs)
            panels(stack, report)
            move(stack, folder, arguments.beliefs, report)
        finally:
            stack.remove()
    if arguments.doctor:
        doctor(arguments.doctor, report)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for figure in report:
        peer = f" (peer {figure['peer_value']}, ratio {figure['ratio']})" if figure["peer_value"] else ""
        goal = (
            ""
            if figure["met"] is None
            else f" goal {figure['goal']}: {'met' if figure['met'] else 'NOT met'}"
        )
        print(f"{figure['name']}: {figure['value']} {figure['unit']}{peer}{goal}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
