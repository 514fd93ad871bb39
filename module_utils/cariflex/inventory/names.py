"""Finds variables that nothing reads: argument_specs reject a wrong type, but not a misspelt name.

A role's variables are those of its defaults. A variable of the project (``cariflex_``), of one environment
(``_cariflex_``) or of its vault (``vault_``) is known when something refers to it.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

PROJECT_PREFIXES = ("cariflex_", "_cariflex_", "vault_")
# Names of Ansible and of the tests' own inventories.
FREE_PREFIXES = ("ansible_", "molecule_")

_NAME = re.compile(r"\b(?:_?cariflex|vault)_[a-z0-9_]+")
_DEFINITION = re.compile(r"^\s*(?:_?cariflex|vault)_[a-z0-9_]+\s*:", re.MULTILINE)
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)
# A pattern for `varnames` that ends so takes every name that begins so.
_FAMILY = re.compile(r"\^(cariflex_[a-z_]+)\(_\|\$\)")


@dataclass(frozen=True)
class Known:
    """The names that do something."""

    roles: frozenset[str]
    variables: frozenset[str]
    families: tuple[str, ...]

    def complaint(self, name: str) -> str | None:
        """Return what is wrong with ``name``, with the nearest known name; None for a known one."""
        if name in self.variables or name.startswith((*FREE_PREFIXES, *(f"{one}_" for one in self.families))):
            return None
        near = difflib.get_close_matches(name, self.variables, n=1)
        hint = f"did you mean {near[0]}?" if near else "remove it."
        return f"{name} is set, but nothing reads it; {hint}"

    def may_be_ours(self, name: str) -> bool:
        """Whether a name, wherever it was set, looks as if it were meant for us."""
        ours = name.startswith((*PROJECT_PREFIXES, *(f"{role}_" for role in self.roles)))
        return ours or bool(difflib.get_close_matches(name, self.variables, n=1, cutoff=0.85))


@functools.cache
def known_names(root: Path) -> Known:
    """Read roles, playbooks, plugins and inventories below ``root``."""
    variables: set[str] = set()
    families: set[str] = set()
    for defaults in root.glob("roles/*/defaults/main.yml"):
        variables.update(name for name, _ in top_level_names(defaults))
    for folder in ("playbooks", "roles", "plugins", "inventories", "molecule"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in (".yml", ".j2", ".py", ".sh") and file.is_file():
                text = _COMMENT.sub("", file.read_text(encoding="utf-8"))
                families.update(_FAMILY.findall(text))
                variables.update(_NAME.findall(_DEFINITION.sub("", text)))
    # What the playbooks set from outside, by the option -e of a person or a Makefile.
    variables.update(families)
    roles = frozenset(path.name for path in (root / "roles").glob("*") if path.is_dir())
    return Known(roles, frozenset(variables), tuple(sorted(families)))


def top_level_names(file: Path) -> list[tuple[str, int]]:
    """Return the top-level keys of ``file`` with their lines; values, such as !vault ones, are not read."""
    text = file.read_text(encoding="utf-8")
    # An encrypted file has no names to read.
    document = None if text.startswith("$ANSIBLE_VAULT") else yaml.compose(text, Loader=yaml.SafeLoader)
    return _keys(document)


def hosts_names(file: Path) -> list[tuple[str, int]]:
    """Return the variables that an inventory file sets itself, below ``vars`` or a host, with their lines."""
    found: list[tuple[str, int]] = []

    def walk(node: yaml.Node | None, inside: str) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        for key, value in node.value:
            if key.value == "vars" or inside == "hosts":
                found.extend(_keys(value))
            else:
                walk(value, key.value)

    walk(yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader), "")
    return found


def _keys(node: yaml.Node | None) -> list[tuple[str, int]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(key.value, key.start_mark.line + 1) for key, _ in node.value]


def inventory_names(inventory: Path) -> Iterator[tuple[Path, int, str]]:
    """Yield file, line and name of each variable of ``inventory``, a folder or its hosts file."""
    folder = inventory if inventory.is_dir() else inventory.parent
    hosts = sorted(folder.glob("*.yml")) if inventory.is_dir() else [inventory]
    for file in hosts:
        if file.suffix in (".yml", ".yaml"):
            yield from ((file, line, name) for name, line in hosts_names(file))
    for file in sorted(folder.glob("*_vars/**/*.yml")):
        yield from ((file, line, name) for name, line in top_level_names(file))


def unknown_in_inventory(inventory: Path, known: Known, *, ours_only: bool = False) -> list[str]:
    """Return a sentence, with file and line, for each variable of the inventory that nothing reads.

    ``ours_only`` passes names that an operator's own playbooks may read.
    """
    return [
        f"{file}:{line}: {complaint}"
        for file, line, name in inventory_names(inventory)
        if (complaint := known.complaint(name)) is not None and (not ours_only or known.may_be_ours(name))
    ]


def unknown_elsewhere(names: Collection[str], inventories: Collection[Path], known: Known) -> list[str]:
    """Return a sentence for each of a host's ``names`` that nothing reads and no inventory file sets."""
    told = {name for inventory in inventories for _, _, name in inventory_names(inventory)}
    return [
        f"in a vault or in the options of this run: {complaint}"
        for name in sorted(set(names) - told)
        # A role's internal names come from its own vars.
        if (not name.startswith("_") or name.startswith(PROJECT_PREFIXES))
        and known.may_be_ours(name)
        and (complaint := known.complaint(name)) is not None
    ]
