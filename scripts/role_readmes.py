#!/usr/bin/env python3
"""Writes each role's README.md from its argument_specs and defaults; ``--check`` only compares.

The specification is the one place where a role's options are described; a README by hand would drift.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parent.parent / "roles"
HEADER = "<!-- Made by scripts/role_readmes.py from meta/argument_specs.yml: change it there. -->"


def readme(role: Path) -> str:
    """Return the README's text: purpose, then a table of the options of the main entry point."""
    spec = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text(encoding="utf-8")) or {}
    main = spec["main"]
    lines = [HEADER, "", f"# {role.name}", "", f"{_text(main['short_description'])}.", ""]
    lines += ["| Variable | Type | Default | Meaning |", "|---|---|---|---|"]
    for name, option in main.get("options", {}).items():
        default = "required" if option.get("required") else _default(defaults.get(name))
        meaning = _text(option["description"])
        lines.append(f"| `{name}` | {option.get('type', 'str')} | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    text = " ".join(value) if isinstance(value, list) else str(value)
    return " ".join(text.split()).rstrip(".").replace("|", "\\|")


def _default(value: Any) -> str:
    if isinstance(value, list | dict) and value:
        return "see defaults"
    text = " ".join(str(value).split())
    return "see defaults" if len(text) > 40 else f"`{text}`" if text else "empty"


def main() -> int:
    """Write or compare; the exit status says whether all are as they should be."""
    stale = []
    for role in sorted(path for path in ROLES.iterdir() if path.is_dir()):
        target, wanted = role / "README.md", readme(role)
        if target.is_file() and target.read_text(encoding="utf-8") == wanted:
            continue
        stale.append(f"roles/{role.name}/README.md")
        if "--check" not in sys.argv[1:]:
            target.write_text(wanted, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        print(f"stale: {', '.join(stale)}; run: python scripts/role_readmes.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
