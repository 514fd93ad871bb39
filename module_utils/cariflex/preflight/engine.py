"""Asks the Docker engine through its Unix socket: no client program, no Python package needed.

API reference: https://docs.docker.com/reference/api/engine/version/v1.41/
"""

from __future__ import annotations

import http.client
import json
import socket
from ipaddress import IPv4Network, ip_network
from typing import Any

from .model import EngineObject

LABEL = "fr.cariflex.environment"


class EngineError(Exception):
    """The engine answered with an error status, or with something that is not JSON."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("docker", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def get(socket_path: str, resource: str, timeout_s: float = 20.0) -> Any:
    """Return the parsed answer to GET ``resource``, or None when no engine answers on the socket.

    Raises EngineError for an answer that is not a success.
    """
    connection = _UnixConnection(socket_path, timeout_s)
    try:
        connection.request("GET", resource)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise EngineError(f"GET {resource} on {socket_path}: status {answer.status}, expected 200")
    try:
        return json.loads(body)
    except ValueError as error:
        raise EngineError(f"GET {resource} on {socket_path}: {error}, expected JSON") from error


def read_objects(socket_path: str) -> tuple[EngineObject, ...] | None:
    """Return every container, network and volume, or None when no engine answers."""
    containers = get(socket_path, "/containers/json?all=1")
    if containers is None:
        return None
    networks = get(socket_path, "/networks") or []
    volumes = (get(socket_path, "/volumes") or {}).get("Volumes") or []
    return (
        *(parse_container(item) for item in containers),
        *(parse_network(item) for item in networks),
        *(EngineObject("volume", item["Name"], (item.get("Labels") or {}).get(LABEL)) for item in volumes),
    )


def parse_container(item: dict[str, Any]) -> EngineObject:
    """Parse an element of /containers/json; ``ports`` are those published on the host."""
    ports = frozenset(p["PublicPort"] for p in item.get("Ports") or [] if p.get("PublicPort"))
    environment = (item.get("Labels") or {}).get(LABEL)
    # Legacy links add names such as /other/alias: the shortest is the container's own.
    name = min(item["Names"], key=len).lstrip("/")
    return EngineObject("container", name, environment, ports=ports)


def parse_network(item: dict[str, Any]) -> EngineObject:
    """Parse an element of /networks; IPv6 subnets are left out."""
    configs = (item.get("IPAM") or {}).get("Config") or []
    parsed = [ip_network(c["Subnet"]) for c in configs if c.get("Subnet")]
    options = item.get("Options") or {}
    return EngineObject(
        "network",
        item["Name"],
        (item.get("Labels") or {}).get(LABEL),
        subnets=tuple(n for n in parsed if isinstance(n, IPv4Network)),
        bridge=options.get("com.docker.network.bridge.name") or f"br-{item['Id'][:12]}",
    )
