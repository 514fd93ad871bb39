#!/usr/bin/python
"""Ansible module: where inventory, phpIPAM, engine and host disagree about networks and addresses."""

from __future__ import annotations

DOCUMENTATION = r"""
module: network_drift
short_description: Compare networks and addresses of inventory, phpIPAM, Docker engine and host
description:
  - Reads the engine, the host's routes and the engine's address pools, and compares them with the inventory
    and with what phpIPAM holds. Changes nothing and does not fail; the caller decides by RV(differences).
author: [Cariflex EMS]
options:
  environment: {description: Value of our containers' environment label., type: str, required: true}
  networks: {description: "Inventory: name to subnet, gateway, ip_range, bridge.", type: dict, required: true}
  containers: {description: "Inventory: container to network to address or any.", type: dict, required: true}
  phpipam:
    description: What phpIPAM holds; leave it out when the addresses are not kept there.
    type: dict
    suboptions:
      subnets: {description: CIDRs of the section., type: list, elements: str, required: true}
      records:
        description: Our records, with C(subnet), C(ip), C(hostname) and C(mac).
        type: list
        elements: dict
        required: true
  docker_socket: {description: The engine's Unix socket., type: path, default: /var/run/docker.sock}
"""

EXAMPLES = r"""
- name: Compare
  network_drift:
    environment: dev
    networks: "{{ cariflex_networks }}"
    containers: "{{ cariflex_addresses }}"
"""

RETURN = r"""
rows: {description: Every comparison., type: list, elements: dict, returned: always}
differences: {description: Those that differ, one sentence each., type: list, elements: str, returned: always}
table: {description: The rows as lines of text., type: list, elements: str, returned: always}
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.drift.host import read_host
from ansible.module_utils.cariflex.drift.model import Ipam, IpamRecord
from ansible.module_utils.cariflex.drift.planner import compare, table
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.preflight.engine import EngineError

IPAM_OPTIONS = {
    "subnets": {"type": "list", "elements": "str", "required": True},
    "records": {"type": "list", "elements": "dict", "required": True},
}


def ipam_of(params: dict[str, Any] | None) -> Ipam | None:
    """Build phpIPAM's side of the comparison."""
    if params is None:
        return None
    records = tuple(
        IpamRecord(*(str(record.get(key) or "") for key in ("subnet", "ip", "hostname", "mac")))
        for record in params["records"]
    )
    return Ipam(frozenset(params["subnets"]), records)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "environment": {"type": "str", "required": True},
            "networks": {"type": "dict", "required": True},
            "containers": {"type": "dict", "required": True},
            "phpipam": {"type": "dict", "options": IPAM_OPTIONS},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        host = read_host(params["docker_socket"], params["environment"])
    except (CariflexError, EngineError) as error:
        module.fail_json(msg=str(error))
    rows = compare(params["networks"], params["containers"], ipam_of(params["phpipam"]), host)
    module.exit_json(
        changed=False,
        rows=[asdict(row) for row in rows],
        differences=[f"{row.subject}: {row.verdict}" for row in rows if row.differs],
        table=table(rows),
    )


if __name__ == "__main__":
    main()
