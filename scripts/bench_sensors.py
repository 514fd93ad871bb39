#!/usr/bin/env python3
"""Measures the sensor map at fleet size on a private PostgreSQL with FlexMeasures' own schema.

``make bench-sensors`` writes ``build/bench/sensors.json``: a list of
``{name, value, unit, peer_value, ratio, goal, met}``. Each run is a process of its own. `apply` is what the
module does with the database, from connecting to the commit: lock, read, plan, write; its peer is one raw SQL
upsert of the same rows, from connecting to the commit. `module` is everything, from reading its arguments to
printing its result. Medians of RUNS runs, module and peer in turn.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
ASSETS, SENSORS_EACH, RUNS = 1000, 10, int(os.environ.get("RUNS", "5"))
UPSERT = """
INSERT INTO generic_asset (id, name, generic_asset_type_id, account_id, flex_context, flex_model, attributes)
SELECT r.id, r.name, t.id, 2, '{}', '{}', r.attributes
FROM jsonb_to_recordset(%(assets)s::jsonb) AS r(id int, name text, type text, attributes jsonb)
JOIN generic_asset_type t ON t.name = r.type
ON CONFLICT (id) DO UPDATE SET name = excluded.name, attributes = excluded.attributes;
INSERT INTO sensor (id, name, unit, timezone, event_resolution, knowledge_horizon_fnc,
                    knowledge_horizon_par, generic_asset_id, attributes)
SELECT r.id, r.name, r.unit, 'America/Martinique', make_interval(secs => r.resolution_s), 'ex_post',
       '{"ex_post_horizon": "P0D"}', r.asset_id, r.attributes
FROM jsonb_to_recordset(%(sensors)s::jsonb) AS r(id int, name text, unit text, resolution_s int, asset_id int,
                                                 attributes jsonb)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, unit = excluded.unit, attributes = excluded.attributes,
  event_resolution = excluded.event_resolution, generic_asset_id = excluded.generic_asset_id"""


def fleet() -> dict[str, Any]:
    """Build a table of ASSETS assets with SENSORS_EACH sensors each, one row per object: the worst case."""
    assets = [
        {"first_id": n, "name": f"Device_{n:05d}", "type": "Device", "flex_model": {"soc-max": f"{n} kWh"}}
        for n in range(1, ASSETS + 1)
    ]
    sensors = [
        {
            "first_id": (n - 1) * SENSORS_EACH + k,
            "name": f"device_{n:05d}_value_{k}",
            "asset": f"Device_{n:05d}",
            "type": "Device",
            "unit": "kW",
            "resolution": "PT5M",
            "sign": "consumption",
            "source": "Fleet",
        }
        for n in range(1, ASSETS + 1)
        for k in range(1, SENSORS_EACH + 1)
    ]
    return {
        "types": {"Device": {"asset_type": "battery", "description": "Device"}},
        "assets": assets,
        "sensors": sensors,
        "data_sources": [],
        "last_reserved_id": ASSETS * SENSORS_EACH,
    }


def find_modules() -> None:
    """Make library/ and module_utils/ importable, as tests/conftest.py does."""
    import ansible.module_utils

    ansible.module_utils.__path__.append(str(REPOSITORY / "module_utils"))
    sys.path.insert(0, str(REPOSITORY / "library"))


def run_module(arguments: dict[str, Any]) -> dict[str, Any]:
    """Run the module in this process.

    Returns seconds, those of them with the database, the processor's seconds (without the database's own),
    and whether it changed something.
    """
    flexmeasures_sensors: Any = importlib.import_module("flexmeasures_sensors")
    from ansible.module_utils.testing import patch_module_args

    spent: list[float] = []
    ensure_present = flexmeasures_sensors.ensure_present

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return ensure_present(*args, **kwargs)
        finally:
            spent.append(time.perf_counter() - start)

    flexmeasures_sensors.ensure_present = timed
    output = io.StringIO()
    with patch_module_args(arguments), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        start, processor = time.perf_counter(), time.process_time()
        try:
            flexmeasures_sensors.main()
        finally:
            seconds, cpu = time.perf_counter() - start, time.process_time() - processor
    result = json.loads(output.getvalue())
    if result.get("failed"):
        sys.exit(f"bench: {result['msg'][:2000]}")
    return {"seconds": seconds, "apply": spent[0], "cpu": cpu, "changed": bool(result["changed"])}


def run_raw(arguments: dict[str, Any]) -> dict[str, Any]:
    """Upsert the same rows with one call of SQL; seconds."""
    import psycopg2

    attributes = {"managed-by": "cariflex-sensor-map", "consumption_is_positive": True}
    start = time.perf_counter()
    connection = psycopg2.connect(
        host=arguments["login_host"],
        port=arguments["login_port"],
        user=arguments["login_user"],
        password=arguments["login_password"],
        dbname="flexmeasures",
    )
    ids = {row["name"]: row["first_id"] for row in arguments["assets"]}
    assets = [
        {"id": row["first_id"], "name": row["name"], "type": "battery", "attributes": attributes}
        for row in arguments["assets"]
    ]
    sensors = [
        {
            "id": row["first_id"],
            "name": row["name"],
            "unit": row["unit"],
            "resolution_s": 300,
            "asset_id": ids[row["asset"]],
            "attributes": attributes,
        }
        for row in arguments["sensors"]
    ]
    with connection, connection.cursor() as cursor:
        cursor.execute(UPSERT, {"assets": json.dumps(assets), "sensors": json.dumps(sensors)})
    seconds = time.perf_counter() - start
    connection.close()
    return {"seconds": seconds, "apply": seconds, "cpu": 0.0, "changed": True}


def measured(kind: str, arguments: dict[str, Any], *, changes: bool = True) -> dict[str, Any]:
    """Seconds and peak memory in MiB of one run in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(arguments, file)
        file.flush()
        command = [sys.executable, "-m", "scripts.bench_sensors", kind, file.name]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {kind} failed\n{done.stdout}\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if answer["changed"] != changes:
        sys.exit(f"bench: {kind} answered changed={answer['changed']}, expected {changes}")
    return answer


def worker(kind: str, path: str) -> None:
    """Run ``kind`` with the arguments of the file and print seconds and peak memory."""
    arguments = json.loads(Path(path).read_text(encoding="utf-8"))
    answer = run_raw(arguments) if kind == "raw" else run_module(arguments)
    answer["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps(answer))


def figure(
    name: str, value: float, unit: str, peer_value: float | None = None, goal: float | None = None
) -> dict[str, Any]:
    """Make one entry of the report. ``goal`` is a ratio if there is a peer, else a value."""
    ratio = None if peer_value is None else round(value / peer_value, 2)
    reached = ratio if ratio is not None else value
    met = None if goal is None else reached <= goal
    rounded = None if peer_value is None else round(peer_value, 3)
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "peer_value": rounded,
        "ratio": ratio,
        "goal": goal,
        "met": met,
    }


def main() -> None:
    """Measure, write the report and print it."""
    tests: Any = importlib.import_module("tests.container.flexmeasures_database")

    runs: dict[str, list[dict[str, Any]]] = {"raw": [], "first": [], "noop": []}
    with tests.running_cluster() as port:
        for _ in range(RUNS):
            database = tests.Database(port)
            arguments = {**database.arguments, **fleet()}
            database.create()
            runs["raw"].append(measured("raw", arguments))
            database.drop()
            database.create()
            runs["first"].append(measured("module", arguments))
            runs["noop"].append(measured("module", arguments, changes=False))
            database.drop()
    median = {
        (name, key): statistics.median(answer[key] for answer in answers)
        for name, answers in runs.items()
        for key in ("seconds", "apply", "cpu", "mib")
    }
    count = f"{ASSETS * SENSORS_EACH} sensors, {ASSETS} assets"
    figures = [
        figure(f"{count}: apply", median["first", "apply"], "s", median["raw", "apply"], 2),
        figure(f"{count}: module, first run", median["first", "seconds"], "s"),
        figure(f"{count}: module, run without changes", median["noop", "seconds"], "s", goal=1),
        figure(f"{count}: apply, run without changes", median["noop", "apply"], "s"),
        # Tells the module's own work from that of others on a machine which is not quiet.
        figure(f"{count}: module, run without changes, processor time", median["noop", "cpu"], "s"),
        figure(f"{count}: peak memory, first run", median["first", "mib"], "MiB", median["raw", "mib"]),
    ]
    report = REPOSITORY / "build" / "bench" / "sensors.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(report.read_text(encoding="utf-8"))


if __name__ == "__main__":
    find_modules()
    if len(sys.argv) > 1:
        worker(*sys.argv[1:3])
    else:
        main()
