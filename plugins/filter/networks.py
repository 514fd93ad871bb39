"""Filter of role `networks`: which networks differ from what the inventory wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def networks_to_make(
    definitions: Mapping[str, Mapping[str, Any]], inspected: Iterable[str], environment: str
) -> list[dict[str, Any]]:
    """Return the ``definitions`` that are missing or other than wanted, as items with ``key`` and ``value``.

    ``inspected`` are the lines of ``docker network inspect``, a JSON object for each network that exists.
    """
    found = {network["Name"]: _facts(network) for network in map(json.loads, inspected)}
    return [
        {"key": name, "value": dict(definition)}
        for name, definition in definitions.items()
        if found.get(name) != _wanted(definition, environment)
    ]


def _wanted(definition: Mapping[str, Any], environment: str) -> dict[str, Any]:
    return {
        "driver": "bridge",
        "bridge": definition["bridge"],
        "internal": definition["internal"],
        "pools": [(definition["subnet"], definition["ip_range"], definition["gateway"])],
        "environment": environment,
    }


def _facts(network: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "driver": network["Driver"],
        "bridge": (network["Options"] or {}).get("com.docker.network.bridge.name"),
        "internal": network["Internal"],
        "pools": [
            (pool.get("Subnet"), pool.get("IPRange"), pool.get("Gateway"))
            for pool in network["IPAM"]["Config"] or []
        ],
        "environment": (network["Labels"] or {}).get("fr.cariflex.environment"),
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters."""
        return {"cariflex_networks_to_make": networks_to_make}
