#!/usr/bin/env python3
"""Check variable names: roles use their own prefix, inventories only names that something reads.

argument_specs reject a wrong type but not a misspelt inventory variable, which would silently do nothing.
`playbooks/preflight.yml` makes the same check of the inventory at deploy.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from cariflex.inventory.names import inventory_names, known_names, top_level_names, unknown_in_inventory


def role_findings(role: Path) -> Iterator[str]:
    """Yield a sentence for each public or internal variable of ``role`` with a foreign prefix."""
    for file, prefix in (("defaults/main.yml", f"{role.name}_"), ("vars/main.yml", f"_{role.name}_")):
        path = role / file
        for name, line in top_level_names(path) if path.is_file() else ():
            if not name.startswith(prefix):
                yield f"{path}:{line}: {name} does not start with {prefix}"


def environment_findings(environments: list[Path]) -> Iterator[str]:
    """Yield a sentence for each file and variable that one environment has and another lacks."""
    names = {
        environment.name: {
            f"{file.relative_to(environment)}: {name}"
            for file, _, name in inventory_names(environment)
            if not name.startswith(("vault_", "_", "ansible_"))
        }
        for environment in environments
    }
    everything = set().union(*names.values())
    for environment, found in names.items():
        for name in sorted(everything - found):
            yield f"inventories/{environment} lacks {name}, which another environment sets"


def main(root: Path) -> int:
    """Print every finding below ``root``; return 1 when there is one."""
    known = known_names(root)
    environments = sorted(path for path in (root / "inventories").glob("*") if path.is_dir())
    roles = sorted(path for path in (root / "roles").iterdir() if path.is_dir())
    found = [
        *(line for role in roles for line in role_findings(role)),
        *(line for environment in environments for line in unknown_in_inventory(environment, known)),
        *environment_findings(environments),
    ]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
