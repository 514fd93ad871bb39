"""Shared by the tests: a whole configuration, and a double of Open-Meteo over real HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flatbuffers

from cariflex_weather.settings import Settings, read_settings
from service_support import write_sensor_map

NOON = datetime(2026, 11, 23, 16, 20, 30, tzinfo=UTC)  # 12:20:30 in Martinique
HOUR = timedelta(hours=1)
OPEN_METEO, CLEAR_SKY = "Open-Meteo", "Clear-sky model"


def raw_config(folder: Path, url: str) -> dict[str, Any]:
    """A configuration whose files lie in ``folder`` and whose Open-Meteo is at ``url``."""
    password = str(folder / "password")
    return {
        "site": {"latitude": 14.6, "longitude": -61.0, "altitude_m": 20},
        "interval_s": 3600,
        "retry_s": 600,
        "forecast_hours": 48,
        "past_days": 2,
        "open_meteo": {"url": url, "cache_file": str(folder / "cache.sqlite"), "timeout_s": 5, "retries": 1},
        "sensors": {"irradiance": "irradiance", "temperature": "temperature", "wind": "wind_speed"},
        "sensor_map_file": str(folder / "sensor_map.json"),
        "state_file": str(folder / "state.json"),
        "status": {"host": "127.0.0.1", "port": 0},
        "flexmeasures": {
            "host": "127.0.0.1",
            "port": 1,
            "ssl": False,
            "open_meteo": {"name": OPEN_METEO, "email": "w@cariflex.internal", "password_file": password},
            "clear_sky": {"name": CLEAR_SKY, "email": "c@cariflex.internal", "password_file": password},
        },
        "log_level": "info",
    }


def sensor_rows() -> list[dict[str, Any]]:
    """The three rows of the sensor map."""
    names = {81: ("irradiance", "W/m²"), 82: ("temperature", "°C"), 83: ("wind_speed", "m/s")}
    return [
        {"id": number, "name": name, "unit": unit, "resolution_s": 3600}
        for number, (name, unit) in names.items()
    ]


def settings_in(folder: Path, url: str = "http://127.0.0.1:1/v1/forecast", **changes: Any) -> Settings:
    """Checked settings whose files lie in ``folder``; ``changes`` replace top-level keys."""
    (folder / "password").write_text("of-a-posting-user\n", encoding="utf-8")
    write_sensor_map(folder / "sensor_map.json", sensor_rows())
    path = folder / "config.json"
    path.write_text(json.dumps({**raw_config(folder, url), **changes}), encoding="utf-8")
    return read_settings(path)


@dataclass
class OpenMeteoDouble:
    """A double of Open-Meteo's forecast service: answers with its size-prefixed FlatBuffers over real HTTP.

    Temperature is the hour's number since the epoch modulo 100, irradiance ten times that: every value tells
    its hour. ``status`` other than 200 makes it fail; ``questions`` keeps what it was asked.
    """

    midnight: datetime = field(default_factory=lambda: NOON.replace(hour=0, minute=0, second=0))
    status: int = 200
    garbage: bool = False
    questions: list[dict[str, list[str]]] = field(default_factory=list)
    url: str = ""

    def answer(self, question: dict[str, list[str]]) -> bytes:
        if self.garbage:
            return b"\x10\x00\x00\x00<html>a portal</html>"
        past, ahead = int(question["past_days"][0]), int(question["forecast_days"][0])
        begin = self.midnight - timedelta(days=past)
        marks = [float((begin + n * HOUR).timestamp() // 3600 % 100) for n in range(24 * (past + ahead))]
        series = {"shortwave_radiation": [10 * mark for mark in marks], "temperature_2m": marks}
        series["wind_speed_10m"] = [float("nan"), *[5.0] * (len(marks) - 1)]
        asked = question["hourly"] if len(question["hourly"]) > 1 else question["hourly"][0].split(",")
        return _encoded(begin, [series[name] for name in asked])


def mark(hour: datetime) -> float:
    """The temperature that the double gives for the hour that begins at ``hour``."""
    return float(hour.timestamp() // 3600 % 100)


@contextmanager
def served(double: OpenMeteoDouble) -> Iterator[OpenMeteoDouble]:
    """The double on a port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            question = parse_qs(urlsplit(self.path).query)
            double.questions.append(question)
            body = double.answer(question) if double.status == 200 else b'{"error": true}'
            self.send_response(double.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        double.url = f"http://127.0.0.1:{server.server_address[1]}/v1/forecast"
        yield double
        server.shutdown()
        thread.join()


def _encoded(begin: datetime, series: list[list[float]]) -> bytes:
    """A WeatherApiResponse with hourly series; slots as in openmeteo-sdk's schema."""
    builder = flatbuffers.Builder(4096)
    variables = []
    for values in series:
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependFloat32(value)
        vector = builder.EndVector()
        builder.StartObject(13)
        builder.PrependUOffsetTRelativeSlot(3, vector, 0)
        variables.append(builder.EndObject())
    builder.StartVector(4, len(variables), 4)
    for variable in reversed(variables):
        builder.PrependUOffsetTRelative(variable)
    vector = builder.EndVector()
    builder.StartObject(4)
    builder.PrependInt64Slot(0, int(begin.timestamp()), 0)
    builder.PrependInt64Slot(1, int(begin.timestamp()) + 3600 * len(series[0]), 0)
    builder.PrependInt32Slot(2, 3600, 0)
    builder.PrependUOffsetTRelativeSlot(3, vector, 0)
    hourly = builder.EndObject()
    builder.StartObject(15)
    builder.PrependUOffsetTRelativeSlot(11, hourly, 0)
    builder.FinishSizePrefixed(builder.EndObject())
    return bytes(builder.Output())
