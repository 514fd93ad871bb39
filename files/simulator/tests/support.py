"""Shared by the tests: the configuration and what it points to, on disk."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cariflex_simulator.settings import Settings, read_settings
from configuration import raw_config
from service_support import write_sensor_map

NOON = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)  # 12:00 in Martinique, a Monday
TOKEN = "token-of-this-test"


def sensor_rows() -> list[dict[str, Any]]:
    """The rows of the sensor table that the simulator uses, as the deployment renders them."""
    rows = []

    def add(first_id: int, count: int, name: str, unit: str, resolution_s: int, source: str) -> None:
        for n in range(count):
            rows.append(
                {
                    "id": first_id + n,
                    "name": name.format(nn=f"{n + 1:02d}"),
                    "unit": unit,
                    "resolution_s": resolution_s,
                    "source": source,
                }
            )

    add(41, 10, "pv_{nn}_power", "kW", 300, "Production Simulator")
    add(51, 10, "bat_{nn}_power", "kWh", 0, "SOC Simulator")
    add(61, 10, "ev_{nn}_power", "kWh", 0, "Charge Simulator")
    add(81, 1, "irradiance", "W/m²", 3600, "Open-Meteo")
    add(82, 1, "temperature", "°C", 3600, "Open-Meteo")
    add(83, 1, "wind_speed", "m/s", 3600, "Open-Meteo")
    add(85, 1, "production_price", "EUR/MWh", 3600, "Simulated")
    add(1001, 10, "bat_{nn}_actual_power", "kW", 300, "SOC Simulator")
    add(1011, 10, "ev_{nn}_actual_power", "kW", 300, "Charge Simulator")
    return rows


def written_config(folder: Path, **changes: Any) -> Path:
    """The configuration and the files it names, written to ``folder``; path of the configuration."""
    raw = raw_config(folder, **changes)
    (folder / "password").write_text("of-a-posting-user\n", encoding="utf-8")
    tokens = {item["id"]: TOKEN for item in raw["devices"]}
    (folder / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")
    write_sensor_map(folder / "sensor_map.json", sensor_rows())
    path = folder / "config.json"
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


def settings_in(folder: Path, **changes: Any) -> Settings:
    """Checked settings whose files lie in ``folder``."""
    return read_settings(written_config(folder, **changes))
