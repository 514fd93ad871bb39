#!/usr/bin/env python3
"""Render each environment's sensor map from its inventory, as role sensor_map does at deploy.

Writes ``build/sensor_map/<environment>/sensor_map.json`` and the schema beside it. What is made from the map
before any deploy, such as Grafana's dashboards, reads these.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from cariflex.flexmeasures.table import expand

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "roles/sensor_map/files/sensor_map.schema.json"


def variables(inventory: Path) -> dict[str, Any]:
    """Return the plain variables of the group ``all``; the vault holds no part of the map."""
    found: dict[str, Any] = {}
    for file in sorted((inventory / "group_vars/all").glob("*.yml")):
        if file.name != "vault.yml":
            found |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return found


def family(found: dict[str, Any], name: str) -> list[Any]:
    """Return the rows of every variable that is ``name`` or begins with ``name_``: a map may span files."""
    return [row for key in sorted(found) if re.match(f"{name}(_|$)", key) for row in found[key]]


def render(inventory: Path) -> dict[str, Any]:
    """Return the sensor map of one environment. Raises ConflictError with every mistake of its tables."""
    found = variables(inventory)
    return expand(
        sensors=family(found, "cariflex_sensor_groups"),
        assets=family(found, "cariflex_asset_groups"),
        types=found["cariflex_sensor_types"],
        timezone=found["cariflex_timezone"],
        account=found["cariflex_account"],
        retired_sensors=found["cariflex_retired_sensors"],
        retired_assets=found["cariflex_retired_assets"],
        last_reserved_id=found["cariflex_sensor_last_reserved_id"],
    ).sensor_map()


def main() -> int:
    """Render all environments."""
    for inventory in sorted(path for path in (ROOT / "inventories").iterdir() if path.is_dir()):
        folder = ROOT / "build/sensor_map" / inventory.name
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(render(inventory), ensure_ascii=False, indent=1) + "\n"
        (folder / "sensor_map.json").write_text(text, encoding="utf-8")
        shutil.copyfile(SCHEMA, folder / SCHEMA.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
