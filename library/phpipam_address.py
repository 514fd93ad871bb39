#!/usr/bin/python
"""Ansible module: one address record of phpIPAM."""

from __future__ import annotations

DOCUMENTATION = r"""
module: phpipam_address
short_description: Make, change or delete one address in phpIPAM
description:
  - Without O(ip) the record of O(hostname) keeps its address, else gets the lowest free one.
  - For more than a few addresses use M(phpipam_sync), which reads each subnet once.
author: [Cariflex EMS]
extends_documentation_fragment: [phpipam]
options:
  section: {description: Name of the section; it must exist., type: str, required: true}
  owner:
    description: Our ownership mark; without it, or with another one, a record is not touched unless O(adopt).
    type: str
    required: true
  adopt: {description: Change or delete it even if it is not ours., type: bool, default: false}
  state: {description: What shall be., type: str, choices: [present, absent], default: present}
  subnet: {description: Network of the subnet; it must exist., type: str, required: true}
  allocate_from: {description: Part of the subnet in which a free address is taken., type: str}
  ip: {description: The address; without it O(hostname) identifies the record., type: str}
  hostname: {description: Host name., type: str}
  description: {description: Text., type: str}
  mac: {description: MAC address in any notation., type: str}
  note: {description: Text., type: str}
  port: {description: Text., type: str}
  tag: {description: "Id or name, for example Used or Reserved.", type: str}
  exclude_ping: {description: Exclude from status checks., type: bool}
  last_seen: {description: "Moment, YYYY-MM-DD hh:mm:ss in phpIPAM's time zone.", type: str}
  custom_fields: {description: "Custom fields, with or without C(custom_).", type: dict, default: {}}
"""

EXAMPLES = r"""
- name: A free address for a meter
  phpipam_address: {section: Cariflex, subnet: 10.5.0.0/24, owner: cariflex-prod, hostname: meter-7}
"""

RETURN = r"""
address: {description: The record's address., type: str, returned: state is present}
actions: {description: "What changed: action, kind, name.", type: list, returned: always}
requests: {description: Requests sent to phpIPAM., type: int, returned: always}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.phpipam.applier import Outcome, synchronise
from ansible.module_utils.cariflex.phpipam.client import Client
from ansible.module_utils.cariflex.phpipam.options import (
    ADDRESS_OPTIONS,
    connection,
    connection_spec,
    needs_tags,
    wanted_address,
)
from ansible.module_utils.cariflex.phpipam.planner import plan
from ansible.module_utils.cariflex.phpipam.reader import read_tags
from ansible.module_utils.cariflex.phpipam.removal import plan_address_removal
from ansible.module_utils.cariflex.phpipam.result import failure, result

ARGUMENTS = {
    **connection_spec(env_fallback),
    "section": {"type": "str", "required": True},
    "owner": {"type": "str", "required": True},
    "adopt": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "subnet": {"type": "str", "required": True},
    "allocate_from": {"type": "str"},
    "ip": {"type": "str"},
    **ADDRESS_OPTIONS,
}


def address_of(params: dict[str, Any], outcome: Outcome) -> str | None:
    """Return the record's address; None after a deletion."""
    given: str | None = params["ip"]
    if given or params["state"] == "absent":
        return given
    return next((ip for keys in outcome.allocations.values() for ip in keys.values()), None)


def main() -> None:
    """Read, plan, apply unless in check mode, exit."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, required_one_of=[("ip", "hostname")], supports_check_mode=True
    )
    params = module.params
    try:
        client = Client(connection(params))
        tags = read_tags(client) if needs_tags([params]) else None
        planner = plan if params["state"] == "present" else plan_address_removal
        wanted = wanted_address(params, tags)
        outcome = synchronise(client, wanted, check_mode=module.check_mode, planner=planner)
    except CariflexError as error:
        module.fail_json(**failure(error))
    answer = {**result(outcome, client.requests), "address": address_of(params, outcome)}
    del answer["allocations"]
    if outcome.failures:
        module.fail_json(msg="\n".join(outcome.failures), **answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
