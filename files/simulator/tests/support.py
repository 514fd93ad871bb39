"""Shared by the tests: a whole configuration, sensors, a clock to turn, a FlexMeasures double."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cariflex_simulator.clients.flexmeasures import Post, PostError
from cariflex_simulator.settings import Settings, read_settings

SENSOR_MAP_SCHEMA = Path(__file__).resolve().parents[3] / "roles/sensor_map/files/sensor_map.schema.json"
NOON = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)  # 12:00 in Martinique, a Monday
TOKEN = "token-of-this-test"

BATTERY = {
    "min_fill_kwh": 10.0,
    "max_fill_kwh": 95.0,
    "max_charge_kw": 50.0,
    "max_discharge_kw": 50.0,
    "charge_efficiency": 0.95,
    "discharge_efficiency": 0.95,
    "self_discharge_per_h": 0.0001,
}
VEHICLE = {
    "min_fill_kwh": 6.0,
    "max_fill_kwh": 60.0,
    "max_charge_kw": 22.0,
    "max_discharge_kw": 22.0,
    "charge_efficiency": 0.94,
    "discharge_efficiency": 0.94,
    "self_discharge_per_h": 0.00005,
}


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


def device_row(kind: str, n: int, control: str) -> dict[str, str]:
    """One storage device."""
    short = "bat" if kind == "battery" else "ev"
    return {
        "id": f"{kind}_{n:02d}",
        "kind": kind,
        "control": control,
        "level_sensor": f"{short}_{n:02d}_power",
        "power_sensor": f"{short}_{n:02d}_actual_power",
    }


def raw_config(folder: Path, **changes: Any) -> dict[str, Any]:
    """A whole configuration whose files lie in ``folder``; ``changes`` replace top-level keys."""
    password = folder / "password"
    sources = ("Production Simulator", "SOC Simulator", "Charge Simulator", "Simulated")
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
        "devices": [
            device_row(kind, n, "s2" if n <= 5 else "plain")
            for kind in ("battery", "ev")
            for n in range(1, 11)
        ],
        "photovoltaics": [
            {
                "plant": {
                    "plant_id": f"pv_{n:02d}",
                    "peak_kw": 20.0 + n,
                    "tilt_deg": 15,
                    "azimuth_deg": 180,
                },
                "sensor": f"pv_{n:02d}_power",
            }
            for n in range(1, 11)
        ],
        "price_sensor": "production_price",
        "weather": {"irradiance": "irradiance", "temperature": "temperature", "wind": "wind_speed"},
        "sensor_map_file": str(folder / "sensor_map.json"),
        "state_file": str(folder / "state.json"),
        "status": {"host": "127.0.0.1", "port": 0},
        "s2": {
            "url": "ws://127.0.0.1:1/s2",
            "tokens_file": str(folder / "tokens.json"),
            "status_interval_s": 0.2,
            "hold_s": 900,
            "longest_wait_s": 2,
        },
        "flexmeasures": {
            "host": "127.0.0.1",
            "port": 1,
            "ssl": False,
            "users": {
                name: {"email": f"{n}@cariflex.internal", "password_file": str(password)}
                for n, name in enumerate(sources)
            },
        },
        "log_level": "info",
        **changes,
    }


def write_sensor_map(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write ``rows`` as a sensor map to ``path``, filled up to whole ones, with its schema beside it."""
    asset = {"id": 1, "name": "Site", "asset_type": "site", "account": "Cariflex", "parent": None}
    row = {"asset": "Site", "asset_type": "site", "type": "Site", "sign": "none", "source": "Nobody"}
    sensor_map = {
        "schema_version": 1,
        "timezone": "America/Martinique",
        "assets": [{**asset, "flex_context": {}, "flex_model": {}}],
        "sensors": [{**row, **each} for each in rows],
    }
    path.write_text(json.dumps(sensor_map), encoding="utf-8")
    shutil.copyfile(SENSOR_MAP_SCHEMA, path.with_name("sensor_map.schema.json"))


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


@dataclass
class TurnableClock:
    """A clock that only moves when told."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


@dataclass
class FlexMeasuresDouble:
    """A double: keeps posts and answers with weather; ``down`` makes it fail."""

    posts: list[Post] = field(default_factory=list)
    weather: dict[int, float] = field(default_factory=dict)
    down: bool = False

    async def post(self, post: Post) -> None:
        if self.down:
            raise PostError("status code 503")
        self.posts.append(post)

    async def hour_value(self, source: str, sensor_id: int, unit: str, start: datetime) -> float | None:
        del source, unit, start
        if self.down:
            raise PostError("status code 503")
        return self.weather.get(sensor_id)


async def eventually(check: Callable[[], bool], timeout_s: float = 8.0) -> None:
    """Wait until ``check`` is true; AssertionError when it never is."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not check():
        assert asyncio.get_running_loop().time() < deadline, "condition not met in time"
        await asyncio.sleep(0.01)
