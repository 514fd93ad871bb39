"""Configuration files as the role renders them."""

import json
from pathlib import Path
from typing import Any

from s2.support import token_of
from sensor_maps import sensor_map_of, write_sensor_map


def sensor_map() -> dict[str, Any]:
    """Batteries 01 and 02 with their three sensors, and the market."""
    sensors: list[dict[str, Any]] = [
        {"id": 84, "name": "consumption_price", "unit": "EUR/MWh", "resolution_s": 3600, "sign": "none"},
        {"id": 85, "name": "production_price", "unit": "EUR/MWh", "resolution_s": 3600, "sign": "none"},
    ]
    for number in (1, 2):
        name = f"bat_{number:02d}"
        rows = [
            (50 + number, f"{name}_power", "kWh", 0, "none"),
            (1000 + number, f"{name}_actual_power", "kW", 300, "consumption"),
            (1020 + number, f"{name}_schedule", "kW", 900, "consumption"),
        ]
        sensors += [
            {"id": i, "name": n, "unit": u, "resolution_s": r, "sign": s, "asset": f"Bat_{number:02d}"}
            for i, n, u, r, s in rows
        ]
    assets = [
        {"id": 1, "name": "Cariflex"},
        {"id": 51, "name": "Bat_01"},
        {"id": 52, "name": "Bat_02"},
    ]
    return sensor_map_of([{"source": "SOC Simulator", **row} for row in sensors], assets)


def configuration(directory: Path) -> dict[str, Any]:
    """s2.json for two batteries, without scheduling."""
    return {
        "listen": {"host": "127.0.0.1", "port": 0},
        "status": {"host": "127.0.0.1", "port": 0},
        "ven_database_file": str(directory / "ven.sqlite3"),
        "ledger_file": str(directory / "s2.sqlite3"),
        "sensor_map_file": str(directory / "sensor_map.json"),
        "tokens_file": str(directory / "s2_tokens.json"),
        "resources": [
            {
                "resource_id": "battery_{nn}",
                "count": 2,
                "fill_level_sensor": "bat_{nn}_power",
                "actual_power_sensor": "bat_{nn}_actual_power",
                "schedule_sensor": "bat_{nn}_schedule",
                "min_power_kw": -50,
                "max_power_kw": 50,
                "baseline_kw": 0,
            }
        ],
        "fill_level_interval_s": 60,
        "scheduling": None,
        "log_level": "info",
    }


def scheduling(directory: Path) -> dict[str, Any]:
    """The scheduling part; its password file is written by ``write_configuration``."""
    return {
        "flexmeasures": {
            "host": "flexmeasures-server",
            "port": 5000,
            "email": "openadr@example.org",
            "password_file": str(directory / "password"),
        },
        "interval_s": 900,
        "check_interval_s": 60,
        "horizon_s": 86400,
        "price_sensors": ["consumption_price", "production_price"],
        "flex_context": {
            "site-power-capacity": "500 kW",
            "consumption-price": {"sensor": "consumption_price"},
        },
    }


def write_configuration(directory: Path, raw: dict[str, Any] | None = None, **tables: Any) -> Path:
    """Write s2.json and what it points to; the path of s2.json."""
    tokens = {name: token_of(name) for name in ("battery_01", "battery_02")}
    files = {"sensor_map.json": sensor_map(), "s2_tokens.json": tokens, **tables}
    write_sensor_map(directory / "sensor_map.json", files.pop("sensor_map.json"))
    for name, content in files.items():
        (directory / name).write_text(json.dumps(content))
    (directory / "password").write_text("a-password-of-no-use\n")
    path = directory / "s2.json"
    path.write_text(json.dumps(raw or configuration(directory)))
    return path
