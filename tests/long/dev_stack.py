"""The running dev stack as the long tests see it: its programs, its database and its devices."""

import http.client
import json
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

DEVICES = [f"{kind}_{number:02d}" for kind in ("battery", "ev") for number in range(1, 6)]
# Sensors of a device's stored energy (kWh) and mean power (kW), from the specification's table.
LEVEL_SENSORS = dict(zip(DEVICES, [*range(51, 56), *range(61, 66)], strict=True))
POWER_SENSORS = dict(zip(DEVICES, [*range(1001, 1006), *range(1011, 1016)], strict=True))
CONSUMPTION_PRICE, PRODUCTION_PRICE = 84, 85
CAPACITY = 0.4
LEAST_BEFORE = 0.8
SECRET = Path("/opt/cariflex/secrets/openadr/flexmeasures_user_openadr")
FLEXMEASURES = "192.168.241.10:5000"
NEWEST = """SELECT extract(epoch FROM event_start), event_value FROM (
  SELECT DISTINCT ON (event_start) event_start, event_value FROM timed_belief
  WHERE sensor_id = :sensor AND event_start BETWEEN :'begin' AND :'end'
  ORDER BY event_start, belief_horizon
) AS newest ORDER BY event_start;"""


def call(container: str, *words: str) -> str:
    """What a command inside a container prints."""
    done = subprocess.run(["docker", "exec", container, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"{container} {words}: {done.stderr or done.stdout}; expected `make deploy` first"
    )
    return done.stdout


def sql(query: str, **variables: object) -> list[list[str]]:
    """Rows of a query against FlexMeasures' database; ``variables`` are psql's."""
    words = ["docker", "exec", "--interactive", "flexmeasures-db", "psql", "-X", "-qtA", "-F", "|"]
    words += ["-U", "flexmeasures", "-d", "flexmeasures"]
    for name, value in variables.items():
        words += ["-v", f"{name}={value}"]
    # The engine may lose the end of an exec's input: psql is told to end.
    feed = f"{query}\n;\n\\q\n"
    answer = subprocess.run(words, input=feed, capture_output=True, text=True, check=True).stdout
    return [line.split("|") for line in answer.splitlines()]


def values(sensor: int, begin: datetime, end: datetime) -> list[tuple[float, float]]:
    """(event start in s since the epoch, newest value) of a sensor."""
    rows = sql(NEWEST, sensor=sensor, begin=begin.isoformat(), end=end.isoformat())
    return [(float(at), float(value)) for at, value in rows]


def record() -> dict[str, dict[str, Any]]:
    """The simulator's energy record of each device, with its nameplate and fill level."""
    rows = json.loads(call("cariflex-simulator", "simctl", "record"))["devices"]
    return {row["device_id"]: row for row in rows if row["device_id"] in DEVICES}


def shares() -> dict[str, float]:
    """Power of each device as a share of its maximum, positive when charging."""
    rows = json.loads(call("cariflex-simulator", "simctl", "devices", "--json"))["devices"]
    return {
        row["device_id"]: row["power_kw"] / row["max_charge_kw"]
        for row in rows
        if row["device_id"] in DEVICES
    }


def await_that(what: str, check: Callable[[], bool], timeout_s: float) -> float:
    """Wait for a condition; the seconds that it took."""
    begun = time.monotonic()
    while not check():
        assert time.monotonic() - begun < timeout_s, f"{what}: not within {timeout_s} s; shares {shares()}"
        time.sleep(1)
    return round(time.monotonic() - begun, 1)


def watch(until: datetime) -> list[dict[str, float]]:
    """Shares again and again until a moment."""
    seen = []
    while datetime.now(UTC) < until:
        seen.append(shares())
        time.sleep(2)
    return seen


def sleep_until(moment: datetime) -> None:
    """Let the time pass that the course of events itself takes."""
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))


def load_control(duration_s: int) -> tuple[dict[str, Any], datetime]:
    """Have the VTN publish the cap; the event and its begin, which is the next full minute."""
    words = ["load-control", "--capacity", str(CAPACITY), "--duration", str(duration_s), "--replace"]
    event = json.loads(call("openadr-vtn", "vtnctl", *words, "--json"))
    return event, datetime.fromisoformat(event["signals"][0]["intervals"][0]["start"])


def all_charge() -> bool:
    """Whether every device charges as fast as it should without an event."""
    return min(shares().values()) >= LEAST_BEFORE


def all_capped() -> bool:
    """Whether every device holds to the cap."""
    return max(shares().values()) <= CAPACITY + 1e-6


class Prices:
    """Hourly prices in FlexMeasures (EUR/MWh), read and posted as the VTN's own user does."""

    def __init__(self) -> None:
        password = SECRET.read_text(encoding="utf-8").strip()
        login = {"email": "openadr@cariflex.digitribe.fr", "password": password}
        self._token = ""
        self._token = str(self._ask("POST", "/api/requestAuthToken", login)["auth_token"])

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(FLEXMEASURES, timeout=60)
        # FlexMeasures answers only to names that it trusts.
        headers = {"Host": "flexmeasures-server", "Content-Type": "application/json"}
        headers |= {"Authorization": self._token} if self._token else {}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status < 300, (answer.status, text)
        found: dict[str, Any] = json.loads(text)
        return found

    def read(self, sensor: int, start: datetime, hours: int) -> list[float]:
        """The prices of the hours from ``start`` on, without the unknown ones at the end."""
        query = urlencode({"start": start.isoformat(), "duration": f"PT{hours}H", "unit": "EUR/MWh"})
        found = self._ask("GET", f"/api/v3_0/sensors/{sensor}/data?{query}")["values"]
        return [value for value in found if value is not None]

    def post(self, sensor: int, start: datetime, eur_per_mwh: list[float]) -> None:
        """Post the prices of the hours from ``start`` on."""
        body = {"values": eur_per_mwh, "start": start.isoformat(), "unit": "EUR/MWh"}
        body["duration"] = f"PT{len(eur_per_mwh)}H"
        self._ask("POST", f"/api/v3_0/sensors/{sensor}/data", body)


def cancel_program_events() -> None:
    """End the load-control and demand-response events of the day's program: tests publish their own."""
    for event in json.loads(call("openadr-vtn", "vtnctl", "events", "--json"))["events"]:
        is_price = any(signal["name"].endswith("_PRICE") for signal in event["signals"])
        if not is_price and event["status"] in ("far", "near", "active"):
            call("openadr-vtn", "vtnctl", "cancel", event["event_id"])


def five_minutes(moment: datetime) -> datetime:
    """The full five minutes at or after ``moment``."""
    seconds = -(-moment.timestamp() // 300) * 300
    return datetime.fromtimestamp(seconds, UTC)


def in_s(seconds: float) -> datetime:
    """The moment some seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)
