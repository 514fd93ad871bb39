"""A container that does not run: missing, ended, or ending again and again."""

from __future__ import annotations

from functools import partial

from .host import Host
from .model import Trouble


def down(host: Host, name: str, means: str) -> Trouble | None:
    """Return the trouble of a container that does not run, None for one that does."""
    state = host.state(name)
    if state == "running":
        return None
    return judge_state(name, state, means, partial(host.run, "docker", "start", name))


def judge_state(name: str, state: str, means: str, start: object) -> Trouble:
    """Decide by the engine's word for its state."""
    seen = f"container {name} is {state}"
    if state == "missing":
        return Trouble(seen, means, "make deploy")
    if state == "restarting":
        # To start it once more would hide that it fails for a reason of its own.
        return Trouble(
            seen, f"its program ends again and again; {means}", f"make logs SERVICE={name} tells why"
        )
    return Trouble(seen, means, f"docker start {name}", start if callable(start) else None)
