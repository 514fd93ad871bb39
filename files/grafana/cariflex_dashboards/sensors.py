"""Sensor ids by name, from the inventory's sensor table: ids are decided there and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def read_groups(inventory: Path) -> list[dict[str, Any]]:
    """Return the table's groups of one environment."""
    text = (inventory / "group_vars/all/sensors.yml").read_text(encoding="utf-8")
    groups: list[dict[str, Any]] = yaml.safe_load(text)["cariflex_sensor_groups"]
    return groups


def ids_of(groups: list[dict[str, Any]], name: str) -> list[int]:
    """Return the ids of the group `name`, such as "pv_{nn}_power" or "irradiance"."""
    for group in groups:
        if group["name"] == name:
            return list(range(int(group["first_id"]), int(group["first_id"]) + int(group.get("count", 1))))
    known = ", ".join(str(group["name"]) for group in groups)
    raise KeyError(f"sensor table: no group {name}, expected one of {known}; change it in files/grafana too")
