"""The way from the VEN to the VTN: program, network and firewall, told apart; a silent VEN."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from ..errors import ApiError
from .containers import down
from .host import Host
from .model import Trouble

VTN, VEN, NETWORK = "openadr-vtn", "openadr-ven", "openadr-internal"
PORT = 8080
POLLS_MISSED = 3
# An importing venctl takes seconds on a busy host.
ANSWER_S = 30
_CONNECT = f"""
import socket, sys
try:
    address = socket.gethostbyname("{VTN}.{NETWORK}")
except OSError:
    sys.exit("unknown name")
try:
    socket.create_connection((address, {PORT}), 5).close()
except ConnectionRefusedError:
    sys.exit("refused")
except OSError:
    sys.exit("timed out")
"""


def connection(host: Host) -> str | Trouble:
    """Try whether the VEN reaches the VTN's port."""
    for name in (VTN, VEN):
        if trouble := down(host, name, "the service is down: this is neither the network nor the firewall"):
            return trouble
    attached = host.run(
        "docker", "network", "inspect", "--format", "{{range .Containers}}{{.Name}} {{end}}", NETWORK
    )
    away = [name for name in (VTN, VEN) if name not in attached.split()]
    status, _, errors = host.attempt("docker", "exec", VEN, "python3", "-c", _CONNECT)
    cause = errors.splitlines()[-1] if status and errors else ""
    return judge_connection(
        away, cause, lambda: _reattach(host, away), lambda: host.run("docker", "restart", VTN)
    )


def judge_connection(
    away: list[str], cause: str, reattach: Callable[[], object], restart: Callable[[], object]
) -> str | Trouble:
    """Decide by who is not on the network and how the connection failed ('' when it did not)."""
    if away:
        return Trouble(
            f"{', '.join(away)} not attached to {NETWORK}",
            "the network: the containers run, but not on the same one",
            f"docker network connect {NETWORK}, with the container's own address",
            reattach,
        )
    if cause == "refused":
        return Trouble(
            f"the VEN's connection to {VTN}:{PORT} is refused",
            "the VTN's program does not listen: this is neither the network nor the firewall",
            f"docker restart {VTN}; its log says why: make logs SERVICE={VTN}",
            restart,
        )
    if cause:
        return Trouble(
            f"the VEN's connection to {VTN}:{PORT}: {cause}",
            "the firewall: both run on the same network, and packets between them are dropped",
            "make deploy ARGS='--tags firewall', and look for a rule on 192.168.240.0/24: iptables -S",
        )
    return f"{VEN} reaches {VTN}:{PORT}"


def _reattach(host: Host, names: list[str]) -> None:
    for name in names:
        host.run("docker", "network", "connect", "--alias", name, "--ip", _address(host, name), NETWORK, name)


def _address(host: Host, name: str) -> str:
    """Return the address that the Compose file gives the container on the network."""
    path = '{{index .Config.Labels "com.docker.compose.project.config_files"}}'
    files = host.run("docker", "container", "inspect", "--format", path, name).split(",")
    words = [word for file in files for word in ("--file", file)]
    content = json.loads(host.run("docker", "compose", *words, "config", "--format", "json"))
    try:
        return str(content["services"][name]["networks"][NETWORK]["ipv4_address"])
    except (KeyError, TypeError) as error:
        raise ApiError(f"{files}: no address of {name} on {NETWORK}; run make deploy") from error


def ven_silent(host: Host) -> str | Trouble:
    """Ask whether the VEN has polled within three periods."""
    if (state := host.state(VEN)) != "running":
        raise ApiError(f"{VEN} is {state}; see the check of its connection")

    def restart() -> object:
        return host.run("docker", "restart", VEN)

    # A program that hangs takes the connection and never answers.
    ask = ("timeout", str(ANSWER_S), "docker", "exec", VEN, "venctl", "status", "--json")
    status, output, errors = host.attempt(*ask)
    if status != 0:
        said = (errors or output or f"no answer within {ANSWER_S} s")[-120:]
        return Trouble(
            f"does not answer venctl: {said}",
            "its program hangs: no event arrives",
            f"docker restart {VEN}",
            restart,
        )
    return judge_ven(json.loads(output), datetime.now(UTC), restart)


def judge_ven(status: dict[str, object], now: datetime, restart: Callable[[], object]) -> str | Trouble:
    """Decide by the VEN's own status."""
    limit_s = POLLS_MISSED * float(str(status.get("poll_interval_s") or 10))
    last = str(status.get("last_poll") or "")
    age_s = (now - datetime.fromisoformat(last)).total_seconds() if last else None
    if age_s is not None and age_s <= limit_s:
        return f"polled {age_s:.0f} s ago"
    when = "never" if age_s is None else f"{age_s:.0f} s ago"
    return Trouble(
        f"last poll {when}, {status.get('last_error') or 'no error'}",
        "the VEN hangs or cannot reach the VTN: no event arrives",
        f"docker restart {VEN}",
        restart,
    )
