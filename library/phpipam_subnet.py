#!/usr/bin/python
"""Ansible module: one subnet of phpIPAM."""

from __future__ import annotations

DOCUMENTATION = r"""
module: phpipam_subnet
short_description: Make, change or delete one subnet in phpIPAM
description:
  - The parent is computed. A subnet that holds addresses or subnets is deleted only with O(force).
author: [Cariflex EMS]
extends_documentation_fragment: [phpipam]
options:
  section: {description: Name of the section; made when it is missing., type: str, required: true}
  owner:
    description: Our ownership mark; without it, or with another one, a record is not touched unless O(adopt).
    type: str
    required: true
  adopt: {description: Change or delete it even if it is not ours., type: bool, default: false}
  state: {description: What shall be., type: str, choices: [present, absent], default: present}
  cidr: {description: Network., type: str, required: true}
  description: {description: Text., type: str}
  force: {description: Delete it with all that it holds., type: bool, default: false}
"""

EXAMPLES = r"""
- name: The meters' subnet
  phpipam_subnet: {section: Cariflex, cidr: 10.5.0.0/24, owner: cariflex-prod, description: Meters}
"""

RETURN = r"""
actions: {description: "What changed: action, kind, name.", type: list, returned: always}
requests: {description: Requests sent to phpIPAM., type: int, returned: always}
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.phpipam.applier import synchronise
from ansible.module_utils.cariflex.phpipam.client import Client
from ansible.module_utils.cariflex.phpipam.options import connection, connection_spec, wanted_subnet
from ansible.module_utils.cariflex.phpipam.planner import plan
from ansible.module_utils.cariflex.phpipam.removal import plan_subnet_removal
from ansible.module_utils.cariflex.phpipam.result import failure, result

ARGUMENTS = {
    **connection_spec(env_fallback),
    "section": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "adopt": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "cidr": {"type": "str", "required": True},
    "description": {"type": "str"},
    "force": {"type": "bool", "default": False},
}


def main() -> None:
    """Read, plan, apply unless in check mode, exit."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    try:
        client = Client(connection(params))
        present = params["state"] == "present"
        planner = plan if present else partial(plan_subnet_removal, force=params["force"])
        wanted = wanted_subnet(params)
        outcome = synchronise(client, wanted, check_mode=module.check_mode, planner=planner)
    except CariflexError as error:
        module.fail_json(**failure(error))
    answer = result(outcome, client.requests)
    del answer["allocations"]
    if outcome.failures:
        module.fail_json(msg="\n".join(outcome.failures), **answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
