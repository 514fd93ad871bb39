#!/usr/bin/python
"""Ansible module: which addresses our containers really have."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_endpoints
short_description: Read the addresses and MAC addresses of our running containers from the Docker engine
description: [One request to the engine's socket for all of them. Changes nothing.]
author: [Cariflex EMS]
options:
  environment: {description: Value of our containers' environment label., type: str, required: true}
  docker_socket: {description: The engine's Unix socket., type: path, default: /var/run/docker.sock}
"""

EXAMPLES = r"""
- name: Ask the engine
  docker_endpoints: {environment: dev}
"""

RETURN = r"""
endpoints:
  description: One entry for each container and network, with C(container), C(network), C(ip) and C(mac).
  type: list
  elements: dict
  returned: always
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.drift.host import read_host
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.preflight.engine import EngineError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "environment": {"type": "str", "required": True},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    try:
        facts = read_host(module.params["docker_socket"], module.params["environment"])
    except (CariflexError, EngineError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, endpoints=[asdict(endpoint) for endpoint in facts.endpoints])


if __name__ == "__main__":
    main()
