"""VTNs as processes of their own, which can be killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cariflex_openadr.control import ControlError, call
from cariflex_openadr.settings import Listen
from cariflex_openadr.settings.vtn import DatabaseSettings
from support.vtn import TOKEN, raw_vtn_config

START = "from cariflex_openadr.vtn import main; main()"
SOURCES = ":".join(str(Path(__file__).resolve().parents[3] / name / "src") for name in ("openadr", "common"))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class VtnProcess:
    """``openadr-vtn`` on fixed ports, so that a VEN finds it again after a restart."""

    directory: Path
    database: DatabaseSettings
    changes: dict[str, Any] = field(default_factory=dict)
    openadr_port: int = field(default_factory=free_port)
    operator_port: int = field(default_factory=free_port)
    prefix: tuple[str, ...] = ()
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base URL of its OpenADR face."""
        return f"http://127.0.0.1:{self.openadr_port}/OpenADR2/Simple/2.0b"

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """True from its start to its end, of whatever kind."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, wait: bool = True) -> None:
        """Start it; by default return when it is healthy."""
        self.directory.mkdir(parents=True, exist_ok=True)
        config = raw_vtn_config(self.directory, **self.changes)
        config["openadr"]["port"], config["operator"]["port"] = self.openadr_port, self.operator_port
        for key in ("host", "port", "name", "user"):
            config["database"][key] = getattr(self.database, key)
        path = self.directory / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        environment = {**os.environ, "CARIFLEX_CONFIG": str(path), "PYTHONPATH": SOURCES}
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.prefix, sys.executable, "-c", START],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if wait:
            self.wait_healthy()

    def wait_healthy(self, timeout_s: float = 120) -> None:
        """Return when it is healthy; AssertionError with its log when it does not become so."""
        deadline = time.monotonic() + timeout_s
        while True:
            with suppress(ControlError):
                self.ask("/healthz")
                return
            if not self.running or time.monotonic() > deadline:
                raise AssertionError((self.directory / "log").read_text()[-3000:])
            time.sleep(0.05)

    def ask(self, path: str, body: dict[str, Any] | None = None, method: str = "GET") -> dict[str, Any]:
        """Its operator's answer. Raises ControlError."""
        return call(Listen("127.0.0.1", self.operator_port), path, body, method=method, token=TOKEN)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(timeout=15)
        self._process = None
        return code
