"""Configuration of the simulator's programs, as the role renders it, for tests that run them on this host."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from files.simulator.tests.configuration import device_row, raw_config
from tests.container.flexmeasures_database import ROOT, Database


def device(name: str, control: str) -> dict[str, str]:
    """A row of the simulator's devices: battery_NN or ev_NN."""
    kind, number = name.split("_")
    return device_row(kind, int(number), control)


def configuration(folder: Path, devices: list[dict[str, str]], **changes: Any) -> dict[str, Any]:
    """A configuration with one plant, whose files lie in ``folder``; ``changes`` replace top-level keys."""
    found = raw_config(folder, devices=devices)
    del found["photovoltaics"][1:]
    found["s2"] |= {"tokens_file": str(folder / "s2_tokens.json"), "status_interval_s": 1}
    return {**found, **changes}


def write_sensor_map(folder: Path) -> None:
    """The map that the module renders from the inventory, and its schema."""
    rendered = Database(0).run(state="rendered")
    (folder / "sensor_map.json").write_text(json.dumps(rendered["sensor_map"]), encoding="utf-8")
    shutil.copy(ROOT / "roles/sensor_map/files/sensor_map.schema.json", folder)


def program(project: str, call: str, **environment: str) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a service's own program: ``call`` is module:function."""
    subprocess.run(["scripts/bootstrap.sh", project], cwd=ROOT, check=True)
    module, function = call.split(":")
    command = [
        str(ROOT / f".venv-{project}/bin/python"),
        "-c",
        f"from {module} import {function} as run; run()",
    ]
    paths = os.pathsep.join(str(ROOT / f"files/{name}/src") for name in (project, "common"))
    return command, {**os.environ, "PYTHONPATH": paths, **environment}
