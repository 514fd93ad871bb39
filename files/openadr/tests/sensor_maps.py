"""Sensor maps for tests, as the deployment renders them, with the schema beside them."""

import json
import shutil
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).resolve().parents[3] / "roles" / "sensor_map" / "files" / "sensor_map.schema.json"
ASSET: dict[str, Any] = {
    "asset_type": "market",
    "account": "Cariflex",
    "parent": None,
    "flex_context": {},
    "flex_model": {},
}
SENSOR = {"asset": "market", "asset_type": "market", "type": "Price", "sign": "none", "source": "OpenADR VTN"}


def sensor_map_of(
    sensors: list[dict[str, Any]], assets: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """A whole sensor map; what a row does not say is filled in."""
    rows = [{"id": 84, "name": "market"}] if assets is None else assets
    return {
        "schema_version": 1,
        "timezone": "America/Martinique",
        "assets": [{**ASSET, **row} for row in rows],
        "sensors": [{**SENSOR, **row} for row in sensors],
    }


def write_sensor_map(path: Path, sensor_map: dict[str, Any]) -> None:
    """Write the map to ``path`` and its schema beside it."""
    path.write_text(json.dumps(sensor_map), encoding="utf-8")
    shutil.copyfile(SCHEMA, path.with_name("sensor_map.schema.json"))
