"""Inventory of hosts from phpIPAM's addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

# On the controller Ansible does not look into a project's module_utils.
ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[2] / "module_utils"))

from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.phpipam.client import Client
from ansible.module_utils.cariflex.phpipam.listing import matches, read_all
from ansible.module_utils.cariflex.phpipam.options import connection

DOCUMENTATION = """
name: phpipam
author: Cariflex EMS
short_description: hosts from phpIPAM's addresses
description:
  - A host for each host name. C(ansible_host) is its first address, C(phpipam_addresses) has all;
    C(phpipam_section), C(phpipam_subnet), C(phpipam_tag) and the like are those of the first.
  - Four requests (five with a login) at any size. Any failure fails the whole inventory.
  - The file's name ends in C(phpipam.yml) or C(phpipam.yaml).
extends_documentation_fragment: [constructed, inventory_cache, phpipam.plugin]
options:
  plugin: {description: Always C(phpipam)., required: true, choices: [phpipam]}
  sections: {description: Only these sections., type: list, elements: str, default: []}
  filters: {description: Field to value or list of values; all have to match., type: dict, default: {}}
  addresses_without_hostname: {description: Make hosts of these too., type: bool, default: false}
"""

EXAMPLES = """
# site.phpipam.yml
plugin: phpipam
url: https://ipam.example
app_id: ansible
sections: [Cariflex]
filters: {tag: [used], owner: cariflex-prod}
keyed_groups:
  - {key: phpipam_subnet, prefix: subnet}
compose:
  site: phpipam_custom_site | default('none')
cache: true
"""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads everything once, or takes it from the cache."""

    NAME = "phpipam"

    def verify_file(self, path: str) -> bool:
        """Accept files named ...phpipam.yml."""
        return super().verify_file(path) and path.endswith(("phpipam.yml", "phpipam.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory, or fail."""
        super().parse(inventory, loader, path)
        self._read_config_data(path)
        self.load_cache_plugin()
        key = self.get_cache_key(path)
        use_cache = self.get_option("cache")
        rows = None
        if use_cache and cache:
            rows = self._cache.get(key)
        try:
            if rows is None:
                rows = read_all(Client(connection(self.get_options())), self.get_option("sections"))[
                    "addresses"
                ]
                if use_cache:
                    self._cache[key] = rows
            self._add(rows)
        except CariflexError as error:
            raise AnsibleParserError(f"phpipam: {error}") from error

    def _add(self, rows: list[dict[str, Any]]) -> None:
        filters, nameless = self.get_option("filters"), self.get_option("addresses_without_hostname")
        hosts: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            name = row["hostname"] or (row["ip"] if nameless else None)
            if name and matches(row, filters):
                hosts.setdefault(name, []).append(row)
        strict = self.get_option("strict")
        for name, addresses in hosts.items():
            self.inventory.add_host(name)
            first = addresses[0]
            variables = {f"phpipam_{field}": value for field, value in first.items()}
            variables |= {"ansible_host": first["ip"], "phpipam_addresses": addresses}
            for variable, value in variables.items():
                self.inventory.set_variable(name, variable.replace(" ", "_"), value)
            self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)
