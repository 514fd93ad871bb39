#!/usr/bin/env python3
"""Check that each role's argument_specs and defaults name the same variables.

A variable without a spec entry is not type-checked; a spec entry without a default is undocumented:
a variable that must be given has an empty default, with a comment that says so.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml


def differences(role: Path) -> list[str]:
    """Return one sentence for each variable of ``role`` that only one of the two files names."""
    missing = [f"{name} is missing" for name in ("defaults/main.yml", "meta/argument_specs.yml")
               if not (role / name).is_file()]  # fmt: skip
    if missing:
        return [f"{role.name}: {sentence}" for sentence in missing]
    defaults = set(yaml.safe_load((role / "defaults/main.yml").read_text(encoding="utf-8")) or {})
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))
    main = specs["argument_specs"]["main"].get("options") or {}
    only_default, only_spec = sorted(defaults - set(main)), sorted(set(main) - defaults)
    return [
        *(f"{role.name}: {name} has a default but no argument spec" for name in only_default),
        *(f"{role.name}: {name} has an argument spec but no default" for name in only_spec),
    ]


def main(root: Path) -> int:
    """Print every difference below ``root``/roles; return 1 when there is one."""
    found = [
        line for role in sorted((root / "roles").iterdir()) if role.is_dir() for line in differences(role)
    ]
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
