"""Errors shared by all Ansible-side code.

CariflexError
  ├── ConflictError   what is wanted cannot be reached safely; lists every conflict at once
  └── ApiError        a service refused or did not answer
        └── UnreachableError   nothing listens there: perhaps it was never started
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class CariflexError(Exception):
    """Base of the errors that a module reports with ``fail_json`` instead of a traceback."""


@dataclass(frozen=True)
class Conflict:
    """One thing that stands in the way: which object, what it is, what was expected, how to fix it."""

    subject: str
    value: Any
    expected: Any
    fix: str

    def __str__(self) -> str:
        return f"{self.subject}: is {self.value!r}, expected {self.expected!r}. Fix: {self.fix}."


class ConflictError(CariflexError):
    """All the conflicts of a run in one error, so that a user repairs them in one go."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        self.conflicts = tuple(conflicts)
        super().__init__("\n".join(str(conflict) for conflict in self.conflicts))


class ApiError(CariflexError):
    """A service refused a request, answered nonsense, or did not answer in time."""


class UnreachableError(ApiError):
    """No connection to a service: it is down, or was never started."""
