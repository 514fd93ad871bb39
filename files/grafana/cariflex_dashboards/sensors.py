"""Sensor ids by name, from the rendered sensor map: ids are decided in the inventory and nowhere else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match


def read_sensor_map(folder: Path) -> dict[str, Any]:
    """Return the map of one environment, checked by the schema beside it; ValueError when it is not valid."""
    path = folder / "sensor_map.json"
    sensor_map: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    schema = json.loads((folder / "sensor_map.schema.json").read_text(encoding="utf-8"))
    mistake = best_match(Draft202012Validator(schema).iter_errors(sensor_map))
    if mistake is not None:
        raise ValueError(
            f"sensor map {path}: {mistake.json_path}: {mistake.message}; run scripts/sensor_maps.py"
        )
    return sensor_map


def ids_of(sensor_map: dict[str, Any], name: str) -> list[int]:
    """Return the ids of the sensors ``name``, such as "pv_{nn}_power" (all of them) or "irradiance"."""
    pattern = re.compile(re.escape(name).replace(r"\{nn\}", r"\d+"))
    found = [int(sensor["id"]) for sensor in sensor_map["sensors"] if pattern.fullmatch(sensor["name"])]
    if not found:
        raise KeyError(f"sensor map: no sensor {name}; change the name in files/grafana too")
    return sorted(found)
