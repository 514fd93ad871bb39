"""Filters that turn a role's service dict into its Compose fragment.

One place decides what every container of ours has in common (read-only root, no capabilities,
labels, restart policy), so that a role only says what is special about its service and a Swarm
variant can later be rendered from the same dicts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml

LABEL_ENVIRONMENT = "fr.cariflex.environment"
LABEL_CONFIG = "fr.cariflex.config"

_COMMON: dict[str, Any] = {
    "init": True,
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "restart": "unless-stopped",
    "tmpfs": ["/tmp"],
    "pids_limit": 512,
}


def compose_fragment(
    services: Mapping[str, Mapping[str, Any]],
    environment: str,
    secrets_dir: str,
    checksum: str,
    volumes: Sequence[str] = (),
) -> str:
    """Render one Compose file for the services of a role.

    :param services: container name -> Compose service; three keys are ours: ``addresses``
        (network -> IPv4 address, empty, or what `compose_endpoints` made of it), ``secrets`` (names of
        files in *secrets_dir*) and anything else is taken as Compose's own and wins over the common settings.
    :param environment: dev, test or prod: the ownership label's value.
    :param checksum: changes when a mounted file changes, which recreates the containers.
    :param volumes: names of the named volumes that the services use.
    """
    # Compose merges the fragments of a stack by key: two roles' secrets of one name must not become one.
    owner = PurePosixPath(secrets_dir).name
    rendered: dict[str, Any] = {}
    networks: dict[str, Any] = {}
    secrets: dict[str, Any] = {}
    for name, service in services.items():
        own = dict(service)
        addresses = own.pop("addresses", {})
        labels = {LABEL_ENVIRONMENT: environment, LABEL_CONFIG: checksum, **own.pop("labels", {})}
        for secret in own.get("secrets", []):
            secrets[f"{owner}-{secret}"] = {"file": f"{secrets_dir}/{secret}"}
        if "secrets" in own:
            own["secrets"] = [{"source": f"{owner}-{secret}", "target": secret} for secret in own["secrets"]]
        for network in addresses:
            networks[network] = {"name": network, "external": True}
        rendered[name] = {
            "container_name": name,
            "hostname": name,
            **_COMMON,
            **own,
            "labels": labels,
            "networks": {network: _endpoint(place) for network, place in addresses.items()},
        }
    document: dict[str, Any] = {"services": rendered, "networks": networks}
    if secrets:
        document["secrets"] = secrets
    if volumes:
        document["volumes"] = {v: {"name": v, "labels": {LABEL_ENVIRONMENT: environment}} for v in volumes}
    # Ansible's strings carry tags that only JSON's encoder sees through.
    plain = json.loads(json.dumps(document))
    return yaml.safe_dump(plain, sort_keys=True, default_flow_style=False, width=120)


def compose_endpoints(
    addresses: Mapping[str, Mapping[str, str]], macs: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Any]]:
    """Put fixed MAC addresses beside addresses.

    :param addresses: container -> network -> IPv4 address.
    :param macs: container -> network -> MAC address; containers and networks may be missing.
    :return: container -> network -> address, or ``{"ipv4": ..., "mac": ...}`` where a MAC is fixed.
    """
    return {
        container: {
            network: {"ipv4": ip, "mac": macs[container][network]}
            if network in macs.get(container, {})
            else ip
            for network, ip in networks.items()
        }
        for container, networks in addresses.items()
    }


def _endpoint(place: Any) -> dict[str, str]:
    if isinstance(place, Mapping):
        return {"ipv4_address": place["ipv4"], "mac_address": place["mac"]}
    return {"ipv4_address": place} if place else {}


class FilterModule:
    """Registers the filters with Ansible."""

    def filters(self) -> dict[str, Any]:
        """Names as used in the roles."""
        return {"compose_fragment": compose_fragment, "compose_endpoints": compose_endpoints}
