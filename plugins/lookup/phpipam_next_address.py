"""Lookup of the address that phpIPAM would give next."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

# On the controller Ansible does not look into a project's module_utils.
ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[2] / "module_utils"))

from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.phpipam.addresses import free_addresses
from ansible.module_utils.cariflex.phpipam.client import Client
from ansible.module_utils.cariflex.phpipam.model import WantedSubnet, parse_network, within
from ansible.module_utils.cariflex.phpipam.options import connection
from ansible.module_utils.cariflex.phpipam.reader import find_section, read_addresses, read_subnets

DOCUMENTATION = """
name: phpipam_next_address
author: Cariflex EMS
short_description: the lowest free addresses of a subnet
description:
  - B(Reserves nothing.) The next caller gets the same address, and somebody may have it before it is used.
    To take one use M(phpipam_address) or M(phpipam_sync).
  - Addresses in subnets inside the subnet are not free.
extends_documentation_fragment: [phpipam.plugin]
options:
  _terms: {description: CIDR of a subnet., required: true}
  section: {description: Section of the subnet., type: str, required: true}
  count: {description: How many., type: int, default: 1}
  allocate_from: {description: Part of the subnet to look in., type: str}
"""

EXAMPLES = """
- name: Which address would a new meter get
  ansible.builtin.debug:
    msg: "{{ lookup('phpipam_next_address', '10.5.0.0/24', section='Cariflex') }}"
"""

RETURN = """
_list: {description: Addresses, lowest first., type: list, elements: str}
"""


class LookupModule(LookupBase):
    """Three requests a call, four with a login."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[str]:
        """Return the free addresses of each term."""
        self.set_options(var_options=variables, direct=kwargs)
        try:
            client = Client(connection(self.get_options()))
            return [ip for term in terms for ip in self._free(client, term)]
        except CariflexError as error:
            raise AnsibleLookupError(f"phpipam_next_address: {error}") from error

    def _free(self, client: Client, term: str) -> list[str]:
        section, count = self.get_option("section"), self.get_option("count")
        network = parse_network(term)
        section_id = find_section(client, section)
        subnets = read_subnets(client, section_id) if section_id is not None else ()
        subnet = next((found for found in subnets if found.network == network), None)
        if subnet is None:
            raise CariflexError(f"subnet {network} in section {section}: is missing, expected it in phpIPAM")
        allocate = parse_network(self.get_option("allocate_from") or str(network), "allocate_from")
        inner = [s.network for s in subnets if s.network != network and within(s.network, network)]
        taken = [row.ip for row in read_addresses(client, subnet.id)]
        free = [
            str(ip) for ip in islice(free_addresses(WantedSubnet(network, {}, allocate), taken, inner), count)
        ]
        if len(free) < count:
            raise CariflexError(f"free addresses of {allocate}: are {len(free)}, expected {count}")
        return free
