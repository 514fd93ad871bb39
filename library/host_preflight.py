#!/usr/bin/python
"""Read-only check of a host before a deployment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_preflight
short_description: Check that a host can take the stack, before anything is changed
description:
  - Compares operating system, privileges, memory, disk, ports, subnets and the names of Docker objects
    with what the deployment needs, and fails once with every unmet demand.
  - Changes nothing, in check mode and otherwise.
options:
  environment: {description: Value of our objects' environment label., type: str, required: true}
  systems:
    description: Supported operating systems, os-release ID to a list of VERSION_ID.
    type: dict
    required: true
  memory_mib: {description: Least total memory in MiB., type: int, required: true}
  disks:
    description: Free space needed, in GiB, before the first deployment and before later ones.
    type: list
    elements: dict
    default: []
    suboptions:
      purpose: {description: What the space is for., type: str, required: true}
      path: {description: Directory on the filesystem, existing or not., type: path, required: true}
      first_gib: {description: Needed while no container of ours exists., type: float, required: true}
      later_gib: {description: Needed otherwise., type: float, required: true}
  ports: {description: TCP ports that will be published., type: list, elements: int, default: []}
  networks:
    description: Docker networks that will be made.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name., type: str, required: true}
      subnet: {description: IPv4 CIDR., type: str, required: true}
      bridge: {description: Name of the bridge interface., type: str, required: true}
  containers: {description: Container names that will be used., type: list, elements: str, default: []}
  volumes: {description: Volume names that will be used., type: list, elements: str, default: []}
  docker_socket: {description: The engine's Unix socket., type: path, default: /var/run/docker.sock}
author: Cariflex
"""

EXAMPLES = r"""
- name: Check memory and ports
  host_preflight:
    environment: dev
    systems: {debian: ["12", "13"]}
    memory_mib: 3500
    ports: [80, 443]
"""

RETURN = r"""
engine_answered:
  description: False when no engine runs yet; names of Docker objects could then not be compared.
  type: bool
  returned: always
findings:
  description: The unmet demands, one sentence each.
  type: list
  elements: str
  returned: always
"""

import os
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.preflight import engine, host
from ansible.module_utils.cariflex.preflight.model import Demands, DiskDemand, Host, NetworkDemand
from ansible.module_utils.cariflex.preflight.planner import check


def _demands(params: dict[str, Any]) -> Demands:
    return Demands(
        environment=params["environment"],
        systems={name: tuple(str(v) for v in versions) for name, versions in params["systems"].items()},
        memory_mib=params["memory_mib"],
        disks=tuple(DiskDemand(**disk) for disk in params["disks"]),
        ports=tuple(params["ports"]),
        networks=tuple(
            NetworkDemand(n["name"], IPv4Network(n["subnet"]), n["bridge"]) for n in params["networks"]
        ),
        containers=frozenset(params["containers"]),
        volumes=frozenset(params["volumes"]),
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "environment": {"type": "str", "required": True},
            "systems": {"type": "dict", "required": True},
            "memory_mib": {"type": "int", "required": True},
            "disks": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "purpose": {"type": "str", "required": True},
                    "path": {"type": "path", "required": True},
                    "first_gib": {"type": "float", "required": True},
                    "later_gib": {"type": "float", "required": True},
                },
            },
            "ports": {"type": "list", "elements": "int", "default": []},
            "networks": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {key: {"type": "str", "required": True} for key in ("name", "subnet", "bridge")},
            },
            "containers": {"type": "list", "elements": "str", "default": []},
            "volumes": {"type": "list", "elements": "str", "default": []},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    try:
        demands = _demands(module.params)
        objects = engine.read_objects(module.params["docker_socket"])
    except (ValueError, engine.EngineError) as error:
        module.fail_json(msg=str(error))
    system, version = host.parse_os_release(Path("/etc/os-release").read_text(encoding="utf-8"))
    found = check(
        demands,
        Host(
            uid=os.geteuid(),
            system=system,
            version=version,
            memory_mib=host.parse_memory_mib(Path("/proc/meminfo").read_text(encoding="ascii")),
            disks={disk.path: host.read_disk(disk.path) for disk in demands.disks},
            listeners=host.read_listeners(demands.ports),
            routes=host.parse_routes(Path("/proc/net/route").read_text(encoding="ascii")),
            objects=objects or (),
        ),
    )
    result: dict[str, Any] = {
        "engine_answered": objects is not None,
        "findings": [str(finding) for finding in found],
    }
    if found:
        lines = ["This host cannot take the stack yet; nothing was changed.", *result["findings"]]
        module.fail_json(msg="\n- ".join(lines), **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
