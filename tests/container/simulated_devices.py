"""Configuration of the simulator's programs, as the role renders it, for tests that run them on this host."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.container.flexmeasures_database import ROOT, Database

BATTERY = {
    "min_fill_kwh": 20,
    "max_fill_kwh": 200,
    "max_charge_kw": 50,
    "max_discharge_kw": 50,
    "charge_efficiency": 0.95,
    "discharge_efficiency": 0.95,
    "self_discharge_per_h": 0.0001,
}
VEHICLE = {**BATTERY, "min_fill_kwh": 6, "max_fill_kwh": 60, "max_charge_kw": 22, "max_discharge_kw": 22}


def device(name: str, control: str) -> dict[str, str]:
    """A row of the simulator's devices: battery_NN or ev_NN."""
    kind, number = name.split("_")
    short = "bat" if kind == "battery" else "ev"
    return {
        "id": name,
        "kind": kind,
        "control": control,
        "level_sensor": f"{short}_{number}_power",
        "power_sensor": f"{short}_{number}_actual_power",
    }


def configuration(folder: Path, devices: list[dict[str, str]], **changes: Any) -> dict[str, Any]:
    """A whole configuration whose files lie in ``folder``; ``changes`` replace top-level keys."""
    return {
        "seed": 972,
        "timezone": "America/Martinique",
        "site": {"latitude": 14.6, "longitude": -61.0, "altitude_m": 20},
        "step_s": 10,
        "interval_s": 300,
        "history_days": 2,
        "battery": {
            "storage": BATTERY,
            "start_share": 0.4,
            "charge_from": "09:00",
            "charge_until": "15:00",
            "discharge_from": "18:00",
            "discharge_until": "22:00",
            "discharge_share": 0.5,
        },
        "ev": {
            "storage": VEHICLE,
            "start_share": 0.6,
            "target_share": 0.9,
            "trips": {
                "departure": "07:30",
                "arrival": "17:00",
                "spread_min": 25,
                "energy_kwh": 14,
                "energy_spread_kwh": 3,
                "days_off": 0.1,
            },
        },
        "devices": devices,
        "photovoltaics": [
            {
                "plant": {"plant_id": "pv_01", "peak_kw": 36, "tilt_deg": 12, "azimuth_deg": 180},
                "sensor": "pv_01_power",
            }
        ],
        "price_sensor": "production_price",
        "weather": {"irradiance": "irradiance", "temperature": "temperature", "wind": "wind_speed"},
        "sensor_map_file": str(folder / "sensor_map.json"),
        "state_file": str(folder / "state.json"),
        "status": {"host": "127.0.0.1", "port": 0},
        "s2": {
            "url": "ws://127.0.0.1:1/s2",
            "tokens_file": str(folder / "s2_tokens.json"),
            "status_interval_s": 1,
            "hold_s": 900,
            "longest_wait_s": 2,
        },
        "flexmeasures": {"host": "127.0.0.1", "port": 1, "ssl": False, "users": {}},
        "log_level": "info",
        **changes,
    }


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
    return command, {**os.environ, "PYTHONPATH": str(ROOT / f"files/{project}/src"), **environment}
