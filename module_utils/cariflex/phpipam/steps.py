"""One step of a plan: a change that knows where the server keeps the object."""

from __future__ import annotations

from dataclasses import dataclass

from ..change import Change
from .model import Network


@dataclass(frozen=True)
class Step(Change):
    """``id`` is None for a new object; ``network`` its subnet, ``parent`` the one around."""

    id: int | None = None
    network: Network | None = None
    parent: Network | None = None
