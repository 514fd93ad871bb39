"""Asks the engine's socket and /proc. Nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ApiError
from ..preflight.engine import LABEL, get
from ..preflight.host import parse_routes
from .model import Endpoint, HostFacts, NetworkFact

ROUTES = Path("/proc/net/route")


def read_host(socket_path: str, environment: str) -> HostFacts:
    """Return networks, addresses of our running containers, routes and pools. ApiError without an engine."""
    containers = get(socket_path, "/containers/json")
    if containers is None:
        raise ApiError(f"Docker engine at {socket_path}: no answer, expected one. Fix: start the engine")
    info = get(socket_path, "/info") or {}
    return HostFacts(
        networks=dict(parse_network(item) for item in get(socket_path, "/networks") or []),
        endpoints=tuple(e for item in containers for e in parse_endpoints(item, environment)),
        routes=parse_routes(ROUTES.read_text(encoding="ascii")),
        address_pools=tuple(pool["Base"] for pool in info.get("DefaultAddressPools") or []),
    )


def parse_network(item: dict[str, Any]) -> tuple[str, NetworkFact]:
    """Parse an element of /networks: its name and its IPv4 configuration."""
    configs = (item.get("IPAM") or {}).get("Config") or []
    config: dict[str, Any] = next((c for c in configs if "." in str(c.get("Subnet", ""))), {})
    options = item.get("Options") or {}
    bridge = options.get("com.docker.network.bridge.name") or f"br-{item['Id'][:12]}"
    fact = NetworkFact(
        config.get("Subnet", ""), config.get("Gateway", ""), config.get("IPRange", ""), str(bridge)
    )
    return str(item["Name"]), fact


def parse_endpoints(item: dict[str, Any], environment: str) -> list[Endpoint]:
    """Parse an element of /containers/json: its addresses, when the container is one of ours."""
    if (item.get("Labels") or {}).get(LABEL) != environment:
        return []
    # Legacy links add names such as /other/alias.
    name = next(name for name in item["Names"] if name.count("/") == 1).lstrip("/")
    networks = (item.get("NetworkSettings") or {}).get("Networks") or {}
    return [
        Endpoint(name, network, place["IPAddress"], place.get("MacAddress", ""))
        for network, place in sorted(networks.items())
        if place.get("IPAddress")
    ]
