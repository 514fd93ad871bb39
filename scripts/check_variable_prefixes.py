#!/usr/bin/env python3
"""Check variable names: role defaults carry the role's name, inventories use only known names.

argument_specs reject a wrong type but not a misspelt inventory variable, which would silently do nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

# cariflex_ is the project's, _cariflex_ a helper inside one environment, vault_ what cariflex_ points to,
# and ansible_ is Ansible's own.
_FREE_PREFIXES = ("cariflex_", "_cariflex_", "vault_", "ansible_")


def _names(file: Path) -> list[str]:
    """Return the top-level keys of ``file``; values, with their tags such as !vault, are not read."""
    text = file.read_text(encoding="utf-8")
    # An encrypted file has no names to read.
    document = None if text.startswith("$ANSIBLE_VAULT") else yaml.compose(text, Loader=yaml.SafeLoader)
    return [key.value for key, _ in document.value] if isinstance(document, yaml.MappingNode) else []


def role_findings(role: Path) -> Iterator[str]:
    """Yield a sentence for each public or internal variable of ``role`` with a foreign prefix."""
    for file, prefix in (("defaults/main.yml", f"{role.name}_"), ("vars/main.yml", f"_{role.name}_")):
        path = role / file
        for name in _names(path) if path.is_file() else ():
            if not name.startswith(prefix):
                yield f"{path}: {name} does not start with {prefix}"


def inventory_findings(root: Path) -> Iterator[str]:
    """Yield a sentence for each inventory variable that neither a role nor the project knows."""
    public = {
        name
        for file in (root / "roles").glob("*/defaults/main.yml")
        for name in _names(file)
    }  # fmt: skip
    for file in sorted((root / "inventories").glob("*/*_vars/**/*.yml")):
        for name in _names(file):
            if name not in public and not name.startswith(_FREE_PREFIXES):
                yield f"{file}: {name} is no role's variable and has none of the prefixes {_FREE_PREFIXES}"


def environment_findings(root: Path) -> Iterator[str]:
    """Yield a sentence for each file and variable that one environment has and another lacks."""
    environments = sorted(p for p in (root / "inventories").glob("*") if p.is_dir())
    names = {
        environment.name: {
            f"{file.relative_to(environment)}: {name}"
            for file in environment.glob("*_vars/**/*.yml")
            for name in _names(file)
            if not name.startswith(("vault_", "_"))
        }
        for environment in environments
    }
    everything = set().union(*names.values())
    for environment, found in names.items():
        for name in sorted(everything - found):
            yield f"inventories/{environment} lacks {name}, which another environment sets"


def main(root: Path) -> int:
    """Print every finding below ``root``; return 1 when there is one."""
    found = [
        *(
            line
            for role in sorted((root / "roles").iterdir())
            if role.is_dir()
            for line in role_findings(role)
        ),
        *inventory_findings(root),
        *environment_findings(root),
    ]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
