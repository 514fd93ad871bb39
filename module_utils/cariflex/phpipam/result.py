"""What a module returns: the same for all of them."""

from __future__ import annotations

from typing import Any

from ..change import actions, before_after
from ..errors import CariflexError
from .applier import Outcome
from .client import UnreachableError


def result(outcome: Outcome, requests: int) -> dict[str, Any]:
    """Return ``changed``, ``diff``, ``actions``, ``allocations`` and ``requests``."""
    return {
        "changed": bool(outcome.steps),
        "diff": before_after(outcome.steps),
        "actions": actions(outcome.steps),
        "allocations": {str(network): dict(keys) for network, keys in outcome.allocations.items()},
        "requests": requests,
    }


def failure(error: CariflexError) -> dict[str, Any]:
    """Return the arguments of ``fail_json`` for an error before the first change."""
    return {"msg": str(error), "unreachable_api": isinstance(error, UnreachableError)}
