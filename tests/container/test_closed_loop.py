"""The closed loop of load control without containers: real S2 service, simulator and VEN's database.

What the VEN has promised stands in its database; ten devices hold S2 sessions over websockets. Each charges
at 80 % of its maximum or more, a promise of 40 % reaches it, it draws at most that and still something, and
goes back.
"""

import http.client
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.container.flexmeasures_database import ROOT
from tests.container.simulated_devices import configuration, device, program, write_sensor_map

pytestmark = pytest.mark.container
DEVICES = [f"{kind}_{number:02d}" for kind in ("battery", "ev") for number in range(1, 6)]
TOKEN = "a-token-of-this-test-for"
CAPACITY, LEAST_BEFORE = 0.4, 0.8
EVENT_S, KILL_EVENT_S = 20, 50
PROMISE = """
import sys
from datetime import datetime, timedelta
from cariflex_openadr.storage.intents import Intent, IntentInterval, Intents
from cariflex_openadr.storage.ven_database import open_ven_database
connection = open_ven_database(sys.argv[1])
if len(sys.argv) > 2:
    start = datetime.fromisoformat(sys.argv[2])
    end = start + timedelta(seconds=float(sys.argv[3]))
    interval = IntentInterval(start, end, float(sys.argv[4]))
    Intents(connection).put(Intent("VTN", "event-1", 0, "load_control", "x-loadControlCapacity", 1, "active",
                                   start, end, (interval,)))
connection.commit()
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@dataclass
class Loop:
    """Both services as processes of their own, and what the simulator says of its devices."""

    folder: Path
    s2_port: int
    status_port: int
    processes: dict[str, subprocess.Popen[bytes]]

    def start(self, name: str) -> None:
        """Start a service, or start it again."""
        if name == "simulator":
            command, environment = program(
                "simulator", "cariflex_simulator.main:main", CARIFLEX_CONFIG=str(self.folder / "config.json")
            )
        else:
            command, environment = program(
                "openadr", "cariflex_s2.service:main", CARIFLEX_S2_CONFIG=str(self.folder / "s2.json")
            )
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        """kill -9."""
        self.processes[name].kill()
        self.processes[name].wait()

    def stop(self) -> dict[str, int]:
        """SIGTERM to both; their exit codes."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(timeout=15) for name, process in self.processes.items()}

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The simulator's answer; ConnectionError while it is not there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.status_port, timeout=10)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            found: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return found

    def shares(self) -> dict[str, float]:
        """Power of each device as a share of its maximum; empty while the simulator is away."""
        try:
            rows = self.ask("GET", "/devices")["devices"]
        except OSError:
            return {}
        return {row["device_id"]: row["power_kw"] / row["max_charge_kw"] for row in rows}

    def await_shares(self, what: str, check: Callable[[float], bool], timeout_s: float) -> float:
        """Wait until the condition holds for every device; the seconds that it took."""
        begun = time.monotonic()
        while True:
            shares = self.shares()
            if len(shares) == len(DEVICES) and all(check(share) for share in shares.values()):
                return time.monotonic() - begun
            assert time.monotonic() - begun < timeout_s, f"{what}: {shares}\n{self.logs()}"
            time.sleep(0.2)

    def promise(self, duration_s: float) -> datetime:
        """Have the VEN promise 40 % from now on; the event's end."""
        start = datetime.now(UTC)
        self.ven(start.isoformat(), str(duration_s), str(CAPACITY))
        return start + timedelta(seconds=duration_s)

    def ven(self, *words: str) -> None:
        """Make the VEN's database, and promise an event when words tell one, with the VEN's own code."""
        command, environment = program("openadr", "cariflex_s2.service:main")
        done = subprocess.run(
            [command[0], "-c", PROMISE, str(self.folder / "ven.sqlite3"), *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def watch(self, until: datetime) -> list[dict[str, float]]:
        """Shares again and again until a moment."""
        seen = []
        while datetime.now(UTC) < until:
            if shares := self.shares():
                seen.append(shares)
            time.sleep(0.3)
        return seen

    def logs(self) -> str:
        """The ends of both logs."""
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*.log"))


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    """Both services, all ten devices charging at full power."""
    found = Loop(tmp_path, _free_port(), _free_port(), {})
    write_sensor_map(tmp_path)
    (tmp_path / "s2_tokens.json").write_text(
        json.dumps({name: f"{TOKEN}-{name}" for name in DEVICES}), encoding="utf-8"
    )
    table = yaml.safe_load((ROOT / "inventories/dev/group_vars/all/s2.yml").read_text(encoding="utf-8"))
    s2 = {
        **table["cariflex_s2_config"],
        "listen": {"host": "127.0.0.1", "port": found.s2_port},
        "status": {"host": "127.0.0.1", "port": _free_port()},
        "ven_database_file": str(tmp_path / "ven.sqlite3"),
        "ledger_file": str(tmp_path / "s2.sqlite3"),
        "sensor_map_file": str(tmp_path / "sensor_map.json"),
        "tokens_file": str(tmp_path / "s2_tokens.json"),
        # Without a schedule the baseline holds: full charging.
        "resources": [{**row, "baseline_kw": row["max_power_kw"]} for row in table["cariflex_s2_resources"]],
        "scheduling": None,
    }
    (tmp_path / "s2.json").write_text(json.dumps(s2), encoding="utf-8")
    simulator = configuration(
        tmp_path,
        [device(name, "s2") for name in DEVICES],
        status={"host": "127.0.0.1", "port": found.status_port},
    )
    simulator["s2"]["url"] = f"ws://127.0.0.1:{found.s2_port}/s2"
    (tmp_path / "config.json").write_text(json.dumps(simulator), encoding="utf-8")
    found.ven()
    try:
        found.start("s2")
        found.start("simulator")
        deadline = time.monotonic() + 120
        while len(found.shares()) < len(DEVICES):
            assert time.monotonic() < deadline, found.logs()
            time.sleep(0.3)
        for name in DEVICES:
            # Low enough that no limit is met, and at home.
            level = (
                {"fill_kwh": 30.0} if name.startswith("battery") else {"fill_kwh": 15.0, "presence": "home"}
            )
            found.ask("PATCH", f"/devices/{name}", level)
        while not all(row["s2_connected"] for row in found.ask("GET", "/devices")["devices"]):
            assert time.monotonic() < deadline, found.logs()
            time.sleep(0.3)
        found.await_shares("charging", lambda share: share >= LEAST_BEFORE, timeout_s=60)
        yield found
    finally:
        for process in found.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()


def test_promise_of_40_percent__every_device_obeys_and_goes_back(loop: Loop) -> None:
    control = loop.watch(datetime.now(UTC) + timedelta(seconds=10))
    end = loop.promise(EVENT_S)
    loop.await_shares("the cap", lambda share: share <= CAPACITY + 1e-6, timeout_s=10)

    during = loop.watch(end - timedelta(seconds=1))

    assert control
    assert during
    assert min(min(shares.values()) for shares in control) >= LEAST_BEFORE
    assert all(0 < share <= CAPACITY + 1e-6 for shares in during for share in shares.values())
    loop.await_shares("charging again", lambda share: share >= LEAST_BEFORE, timeout_s=30)
    record = loop.ask("GET", "/record")["devices"]
    assert max(row["balance_error"] for row in record) <= 0.01
    assert loop.stop() == {"s2": 0, "simulator": 0}


@pytest.mark.parametrize("victim", ["simulator", "s2"])
def test_kill_in_mid_event__devices_end_where_they_should(loop: Loop, victim: str) -> None:
    end = loop.promise(KILL_EVENT_S)
    loop.await_shares("the cap", lambda share: share <= CAPACITY + 1e-6, timeout_s=10)

    loop.kill(victim)
    loop.start(victim)

    loop.await_shares("the cap again", lambda share: 0 < share <= CAPACITY + 1e-6, timeout_s=40)
    assert datetime.now(UTC) < end, "the services took longer than the event to come back"
    loop.await_shares("charging again", lambda share: share >= LEAST_BEFORE, timeout_s=KILL_EVENT_S + 30)
    record = loop.ask("GET", "/record")["devices"]
    assert max(row["balance_error"] for row in record) <= 0.01
