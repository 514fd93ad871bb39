"""Lookup of what phpIPAM holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

# On the controller Ansible does not look into a project's module_utils.
ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[2] / "module_utils"))

from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.phpipam.client import Client
from ansible.module_utils.cariflex.phpipam.listing import matches, read_all
from ansible.module_utils.cariflex.phpipam.options import connection

DOCUMENTATION = """
name: phpipam
author: Cariflex EMS
short_description: read sections, subnets or addresses from phpIPAM
description:
  - One of C(sections), C(subnets), C(addresses) as term; returns a list of dictionaries.
  - Four requests (five with a login) at any size. Fails when phpIPAM cannot be read.
extends_documentation_fragment: [phpipam.plugin]
options:
  _terms: {description: What to read., required: true}
  section: {description: Only this section., type: str}
  filters: {description: Field to value or list of values; all have to match., type: dict, default: {}}
"""

EXAMPLES = """
- name: Addresses of one section
  ansible.builtin.debug:
    msg: "{{ query('phpipam', 'addresses', section='Cariflex', filters={'tag': 'used'}) }}"
"""

RETURN = """
_list: {description: The rows., type: list, elements: dict}
"""


class LookupModule(LookupBase):
    """Reads once, filters here."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Return the rows of each term."""
        self.set_options(var_options=variables, direct=kwargs)
        kinds = ("sections", "subnets", "addresses")
        if unknown := [term for term in terms if term not in kinds]:
            raise AnsibleLookupError(f"phpipam: is {unknown[0]!r}, expected one of {', '.join(kinds)}")
        section, filters = self.get_option("section"), self.get_option("filters")
        try:
            everything = read_all(Client(connection(self.get_options())), [section] if section else [])
            return [row for term in terms for row in everything[term] if matches(row, filters)]
        except CariflexError as error:
            raise AnsibleLookupError(f"phpipam: {error}") from error
