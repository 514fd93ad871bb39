"""Filter of playbooks/preflight.yml: variables that nothing reads, found before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import ansible.module_utils

# Filters run in the controller's own Python, where `ansible.module_utils` is only the installed package.
_ROOT = Path(__file__).resolve().parents[2]
if str(_ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(_ROOT / "module_utils"))

from ansible.module_utils.cariflex.inventory import names


def unknown_variables(host_names: Collection[str], sources: Collection[str]) -> list[str]:
    """Return a sentence for each variable of a host, or of its inventory ``sources``, that nothing reads."""
    known = names.known_names(_ROOT)
    inventories = [Path(source) for source in sources if Path(source).exists()]
    found = [
        line
        for inventory in inventories
        for line in names.unknown_in_inventory(inventory, known, ours_only=True)
    ]
    return found + names.unknown_elsewhere(host_names, inventories, known)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters."""
        return {"cariflex_unknown_variables": unknown_variables}
