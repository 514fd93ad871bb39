"""A trouble, what to do about it, and how an examination ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import ApiError

# How long a mended service may take until it is well again.
RECOVERY_S = 120.0
_PAUSE_S = 2.0


@dataclass(frozen=True)
class Trouble:
    """What was seen, what it means, what to do; `mend` does it where that is safe."""

    seen: str
    means: str
    remedy: str
    mend: Callable[[], object] | None = None


# A check returns what it saw when all is well, a Trouble otherwise; ApiError when it could not look.
Look = Callable[[], "str | Trouble"]


@dataclass(frozen=True)
class Finding:
    """One line of the report; `state` is ok, trouble, mended or unknown."""

    check: str
    state: str
    seen: str
    means: str = ""
    done: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return it for people."""
        found = [f"{self.state:8} {self.check}: {self.seen}"]
        found += [f"         it means: {self.means}"] if self.means else []
        verb = "was done" if self.state == "mended" else "do"
        return found + ([f"         {verb}: {self.done}"] if self.done else [])


def examine(check: str, look: Look, *, fix: bool, pause: Callable[[float], None] = time.sleep) -> Finding:
    """Look, mend when told to and able to, and look again until it is well."""
    found = _look(look)
    if not isinstance(found, Trouble):
        return Finding(check, *found)
    if not fix or found.mend is None:
        return Finding(check, "trouble", found.seen, found.means, found.remedy)
    try:
        found.mend()
    except ApiError as error:
        return Finding(check, "trouble", found.seen, found.means, f"{found.remedy} (tried: {error})")
    deadline = time.monotonic() + RECOVERY_S
    while isinstance(again := _look(look), Trouble) or again[0] == "unknown":
        if time.monotonic() > deadline:
            seen = again.seen if isinstance(again, Trouble) else again[1]
            return Finding(check, "trouble", seen, found.means, f"{found.remedy} (was done, did not help)")
        pause(_PAUSE_S)
    return Finding(check, "mended", found.seen, found.means, found.remedy)


def _look(look: Look) -> Trouble | tuple[str, str]:
    try:
        found = look()
    except ApiError as error:
        return "unknown", str(error)
    return found if isinstance(found, Trouble) else ("ok", found)
