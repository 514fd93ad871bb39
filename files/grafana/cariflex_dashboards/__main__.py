"""Writes all JSON into role grafana; ``--check`` only compares, and fails when something is stale."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from cariflex_dashboards.alerts import rules
from cariflex_dashboards.boards import ems, operations
from cariflex_dashboards.sensors import read_sensor_map
from cariflex_dashboards.texts import LANGUAGES

ROOT = Path(__file__).resolve().parents[3]
# As scripts/sensor_maps.py renders them.
MAPS = ROOT / "build/sensor_map"
TARGET = ROOT / "roles/grafana/files"


def documents() -> dict[Path, Any]:
    """Return file -> content, for each language."""
    maps = {name: read_sensor_map(MAPS / name) for name in ("dev", "test", "prod")}
    tables = {
        env: [(sensor["id"], sensor["name"]) for sensor in found["sensors"]] for env, found in maps.items()
    }
    if not tables["dev"] == tables["test"] == tables["prod"]:
        raise ValueError("sensor maps of dev, test and prod give different ids; dashboards fit one map only")
    found: dict[Path, Any] = {}
    for language in LANGUAGES:
        found[TARGET / language / "dashboards/ems.json"] = ems(maps["dev"], language)
        found[TARGET / language / "dashboards/operations.json"] = operations(language)
        found[TARGET / language / "alerting/rules.json"] = rules(language)
    return found


def main() -> int:
    """Write or compare."""
    stale = []
    for path, content in documents().items():
        text = json.dumps(content, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if "--check" not in sys.argv[1:]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        print(f"stale: {', '.join(stale)}; run: make dashboards", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
