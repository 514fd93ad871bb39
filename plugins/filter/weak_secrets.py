"""The one check of secrets, for every role: too short, too simple, published or usual values are refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

MIN_LENGTH = 16
MIN_DIFFERENT = 8
REMEDY = "Dev: delete its file under .secrets/dev and deploy again; test and prod: set it in vault.yml."

_REFUSED = Path(__file__).with_name("refused_secrets.txt")


def weak_secrets(secrets: Mapping[str, Any]) -> list[str]:
    """Return a sentence, never with the value, for each of ``secrets`` (name -> value) to refuse."""
    refused = _read_refused()
    return [
        f"{name} {mistake}. {REMEDY}"
        for name, value in secrets.items()
        for mistake in _mistakes(str(value or ""), refused)
    ]


def _read_refused() -> dict[str, dict[str, int]]:
    """Kind -> SHA-256 -> length of each refused value."""
    refused: dict[str, dict[str, int]] = {"published": {}, "usual": {}}
    for line in _REFUSED.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, length, digest = line.split()
            refused[kind][digest] = int(length)
    return refused


def _mistakes(value: str, refused: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    if not value:
        yield f"is missing, expected at least {MIN_LENGTH} characters"
        return
    if len(value) < MIN_LENGTH:
        yield f"has {len(value)} characters, expected at least {MIN_LENGTH}"
    elif len(set(value)) < MIN_DIFFERENT:
        yield f"has {len(set(value))} different characters, expected at least {MIN_DIFFERENT}"
    if any(_digest(part) in refused["published"] for part in _parts(value, refused["published"])):
        yield "contains a password that the specification published, expected one that nobody knows"
    elif _digest(_repeated_part(value)) in refused["usual"]:
        yield "is a usual default, expected one that nobody knows"


def _parts(value: str, hashes: Mapping[str, int]) -> Iterator[str]:
    for length in set(hashes.values()):
        yield from (value[start : start + length] for start in range(len(value) - length + 1))


def _repeated_part(value: str) -> str:
    """Return ``abc`` of ``abcabc``, also of ``ABCabc``: a default does not get better by repetition."""
    lower = value.lower()
    return lower[: (lower + lower).find(lower, 1)]


def _digest(value: str) -> str:
    return hashlib.sha256(value.lower().encode()).hexdigest()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters."""
        return {"cariflex_weak_secrets": weak_secrets}
