#!/usr/bin/python
"""Ansible module: the subnets and addresses of a whole phpIPAM section, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: phpipam_sync
short_description: Make a section of phpIPAM match a table of subnets and addresses
description:
  - Reads the section, its subnets and each listed subnet's records (one request each), plans, and writes only
    what differs. Check mode makes the same plan, so it names the very addresses that would be taken.
  - Addresses without O(subnets[].addresses[].ip) keep the one that phpIPAM has for them, else get the lowest
    free one. What other clients do meanwhile is met by reading and planning again.
  - Only records whose owner is O(owner), and subnets whose description ends with it in brackets, are ever
    changed or deleted. Anything else in the way is reported, all of it at once, before anything is changed.
author: [Cariflex EMS]
extends_documentation_fragment: [phpipam]
options:
  section: {description: Name of the section; made when it is missing., type: str, required: true}
  section_description: {description: Description of a section that is made., type: str}
  owner: {description: Our ownership mark., type: str, required: true}
  key:
    description: Field that identifies a record, C(hostname) or a custom field such as C(custom_asset).
    type: str
    default: hostname
  adopt:
    description: Take over records of the same key that are not ours, and subnets without our mark.
    type: bool
    default: false
  purge: {description: Delete unlisted records and empty subnets of ours., type: bool, default: false}
  max_delete: {description: Most deletions of a purge; with more nothing is done., type: int, default: 10}
  subnets:
    description: The subnets. Parents are computed.
    type: list
    elements: dict
    required: true
    suboptions:
      cidr: {description: Network., type: str, required: true}
      description: {description: Text., type: str}
      gateway: {description: Address that is marked as gateway., type: str}
      allocate_from: {description: Part of the subnet in which free addresses are taken., type: str}
      reserved:
        description: What is never allocated.
        type: list
        elements: dict
        default: []
        suboptions:
          range:
            description:
              - A network (C(172.29.128.0/17)) becomes a subnet inside, tagged Reserved and marked full.
              - C(first-last) becomes a record tagged Reserved for each address, at most 1024.
            type: str
            required: true
          description: {description: Text., type: str, default: Reserved}
      addresses:
        description: The records.
        type: list
        elements: dict
        default: []
        suboptions:
          ip: {description: Fixed address; without it any free one., type: str}
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
- name: Keep phpIPAM in step
  phpipam_sync:
    url: https://ipam.example
    app_id: ansible
    app_code: "{{ vault_phpipam_app_code }}"
    section: Cariflex
    owner: cariflex-prod
    subnets:
      - cidr: 192.168.240.0/24
        gateway: 192.168.240.1
        allocate_from: 192.168.240.0/25
        reserved: [{range: 192.168.240.128/25, description: the engine's pool}]
        addresses:
          - {hostname: openadr-vtn, ip: 192.168.240.10}
          - {hostname: openadr-ven}
"""

RETURN = r"""
allocations: {description: "Subnet to key to address.", type: dict, returned: always}
actions: {description: "What changed: action, kind, name.", type: list, returned: always}
requests: {description: Requests sent to phpIPAM., type: int, returned: always}
unreachable_api: {description: phpIPAM gave no usable answer., type: bool, returned: failure}
"""

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.phpipam.applier import synchronise
from ansible.module_utils.cariflex.phpipam.client import Client
from ansible.module_utils.cariflex.phpipam.options import (
    ADDRESS_OPTIONS,
    connection,
    connection_spec,
    needs_tags,
    wanted_section,
)
from ansible.module_utils.cariflex.phpipam.reader import read_tags
from ansible.module_utils.cariflex.phpipam.result import failure, result

RESERVED = {
    "range": {"type": "str", "required": True},
    "description": {"type": "str", "default": "Reserved"},
}
SUBNET = {
    "cidr": {"type": "str", "required": True},
    "description": {"type": "str"},
    "gateway": {"type": "str"},
    "allocate_from": {"type": "str"},
    "reserved": {"type": "list", "elements": "dict", "default": [], "options": RESERVED},
    "addresses": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"ip": {"type": "str"}, **ADDRESS_OPTIONS},
    },
}
ARGUMENTS = {
    **connection_spec(env_fallback),
    "section": {"type": "str", "required": True},
    "section_description": {"type": "str"},
    "owner": {"type": "str", "required": True},
    # Not a secret, whatever its name suggests.
    "key": {"type": "str", "default": "hostname", "no_log": False},
    "adopt": {"type": "bool", "default": False},
    "purge": {"type": "bool", "default": False},
    "max_delete": {"type": "int", "default": 10},
    "subnets": {"type": "list", "elements": "dict", "required": True, "options": SUBNET},
}


def main() -> None:
    """Read, plan, apply unless in check mode, exit."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        client = Client(connection(module.params))
        listed = [address for subnet in module.params["subnets"] for address in subnet["addresses"]]
        tags = read_tags(client) if needs_tags(listed) else None
        outcome = synchronise(client, wanted_section(module.params, tags), check_mode=module.check_mode)
    except CariflexError as error:
        module.fail_json(**failure(error))
    for warning in outcome.warnings:
        module.warn(warning)
    answer = result(outcome, client.requests)
    if outcome.failures:
        module.fail_json(msg="\n".join(outcome.failures), **answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
