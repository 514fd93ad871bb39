"""Pure: image references, and the lock that ties each to the digest that its registry told."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

DEFAULT_REGISTRY = "docker.io"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Reference:
    """A reference in its parts; `tag` is "latest" and `digest` empty where it names none."""

    registry: str
    path: str
    tag: str
    digest: str


def parse_reference(text: str) -> Reference:
    """Read a reference as Docker does: a first part with a dot or a port is a registry."""
    rest, _, digest = text.partition("@")
    first, slash, others = rest.partition("/")
    has_registry = bool(slash) and (first == "localhost" or "." in first or ":" in first)
    registry, path = (first, others) if has_registry else (DEFAULT_REGISTRY, rest)
    path, _, tag = path.partition(":")
    if registry == DEFAULT_REGISTRY and "/" not in path:
        path = f"library/{path}"
    return Reference(registry, path, tag or "latest", digest)


def is_locked(ref: str) -> bool:
    """Say whether a reference ends with a whole sha256 digest."""
    return _DIGEST.fullmatch(ref.partition("@")[2]) is not None


def locked_refs(refs: Mapping[str, str], lock: Mapping[str, str]) -> dict[str, str]:
    """Give name -> reference, with the lock's digest where it was made for that very name and tag."""
    return {
        name: lock[name] if lock.get(name, "").partition("@")[0] == ref and is_locked(lock[name]) else ref
        for name, ref in refs.items()
    }


def unlocked_reasons(names: Collection[str], refs: Mapping[str, str], lock: Mapping[str, str]) -> list[str]:
    """Say for each of the named images that has no digest why; `refs` come from `locked_refs`."""
    reasons = []
    for name in names:
        if name not in refs or is_locked(refs[name]):
            continue
        was = f"the lock is for {lock[name]}" if name in lock else "the lock does not name it"
        reasons.append(f"{name} ({refs[name]}): {was}")
    return reasons
