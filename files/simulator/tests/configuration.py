"""A whole configuration, as the role renders it. It imports nothing of the simulator: others read it too."""

from pathlib import Path
from typing import Any

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
