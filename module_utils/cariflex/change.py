"""What a module is about to change: one list feeds ``changed``, ``diff``, ``actions`` and the apply step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """An object before and after, in plain JSON.

    ``current`` is None for a new object, ``desired`` for one that is to go.
    """

    kind: str
    name: str
    current: Values | None
    desired: Values | None

    @property
    def action(self) -> str:
        """``create``, ``update`` or ``delete``."""
        if self.desired is None:
            return "delete"
        return "create" if self.current is None else "update"

    def differing(self) -> dict[str, Any]:
        """Return the desired values that are not there yet."""
        current = self.current or {}
        return {
            key: value
            for key, value in (self.desired or {}).items()
            if key not in current or current[key] != value
        }


def before_after(changes: Sequence[Change]) -> dict[str, dict[str, Any]]:
    """Return Ansible's ``diff`` of a list of changes: only what changes, nothing when unchanged."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for change in changes:
        key = f"{change.kind} {change.name}"
        if change.desired is None:
            before[key] = dict(change.current or {})
            continue
        differing = change.differing()
        after[key] = differing
        if change.current is not None:
            before[key] = {name: change.current.get(name) for name in differing}
    return {"before": before, "after": after}


def actions(changes: Sequence[Change]) -> list[dict[str, str]]:
    """Return the changes as short facts: action, kind and name of each."""
    return [{"action": change.action, "kind": change.kind, "name": change.name} for change in changes]
