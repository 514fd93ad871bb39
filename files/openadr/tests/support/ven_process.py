"""The real VEN as a process of its own, which can be killed."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from dataclasses import dataclass
from pathlib import Path

from sensor_maps import sensor_map_of, write_sensor_map
from support import VEN_ID
from support.processes import SOURCES, free_port

START = "from cariflex_openadr.ven import main; main()"
SENSORS = [
    {"id": 84, "name": "consumption_price", "unit": "EUR/MWh", "resolution_s": 3600},
    {"id": 86, "name": "load_control_signal", "unit": "%", "resolution_s": 60},
    {"id": 87, "name": "demand_response_signal", "unit": "dimensionless", "resolution_s": 60},
]


@dataclass
class VenProcess:
    """``openadr-ven`` on one configuration and database."""

    directory: Path
    vtn_port: int
    flexmeasures_port: int
    process: Process | None = None

    def write_config(self) -> None:
        """Write its configuration, with the sensor map and a password."""
        (self.directory / "password").write_text("x")
        write_sensor_map(self.directory / "map.json", sensor_map_of(SENSORS))
        user = {"name": "OpenADR VTN", "email": "openadr@cariflex.internal"}
        config = {
            "ven_name": "cariflex-ven",
            "ven_id": VEN_ID,
            "registration_id": "reg-1",
            "vtn_url": f"http://127.0.0.1:{self.vtn_port}/OpenADR2/Simple/2.0b",
            "poll_interval_s": 0.05,
            "status": {"host": "127.0.0.1", "port": free_port()},
            "flexmeasures": {
                "host": "127.0.0.1",
                "port": self.flexmeasures_port,
                "posters": [user | {"password_file": str(self.directory / "password")}],
            },
            "sensor_map_file": str(self.directory / "map.json"),
            "sensors": dict(
                zip(
                    ("price", "load_control", "demand_response"),
                    (row["name"] for row in SENSORS),
                    strict=True,
                )
            ),
            "log_level": "info",
            "database": str(self.directory / "ven.sqlite3"),
        }
        (self.directory / "config.json").write_text(json.dumps(config))

    async def start(self) -> None:
        """Start it, without waiting for anything."""
        environment = {"CARIFLEX_CONFIG": str(self.directory / "config.json"), "PYTHONPATH": SOURCES}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", START, env=environment, stdout=DEVNULL
        )

    async def clear(self) -> None:
        """Leave no process behind, whatever the test came to."""
        if self.process is not None and self.process.returncode is None:
            await self.end(signal.SIGKILL)

    async def end(self, number: signal.Signals) -> int:
        """Send it a signal; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return await self.process.wait()
