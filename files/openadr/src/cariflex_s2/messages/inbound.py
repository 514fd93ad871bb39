"""What a resource manager sends: parsed by s2-python, then checked for what its models let through.

s2-python accepts NaN, infinities, reversed number ranges and factors above 1 (0.11.1); none of them gets past
here.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from s2python.message import S2Message
from s2python.s2_parser import TYPE_TO_MESSAGE_CLASS
from s2python.s2_validation_error import S2ValidationError

MAX_MESSAGE_BYTES = 256 * 1024
NO_MESSAGE = "00000000-0000-0000-0000-000000000000"
_ID_LENGTH = 64
_REASON_LENGTH = 500


class RefusedError(ValueError):
    """A message that is answered with PERMANENT_ERROR. ``subject`` is its id, or the nil id."""

    def __init__(self, reason: str, subject: str = NO_MESSAGE) -> None:
        super().__init__(reason[:_REASON_LENGTH])
        self.subject = subject


@dataclass(frozen=True, slots=True)
class Received:
    """A sound message, its type's name and its id (empty for a ReceptionStatus)."""

    kind: str
    message_id: str
    message: S2Message


def read_message(text: str | bytes) -> Received:
    """Parse one message. Raises RefusedError with a reason that names field, value and expectation."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise RefusedError(f"a JSON {type(raw).__name__}; expected an object")
    subject = _message_id(raw)
    kind = raw.get("message_type")
    if not isinstance(kind, str) or kind not in TYPE_TO_MESSAGE_CLASS:
        raise RefusedError(f"message_type: {kind!r}; expected a message type of S2 0.0.2-beta", subject)
    try:
        _check_values(raw, "")
        message = TYPE_TO_MESSAGE_CLASS[kind].from_dict(raw)
    except RefusedError as error:
        raise RefusedError(str(error), subject) from error
    except (S2ValidationError, ValidationError, ValueError, TypeError, RecursionError) as error:
        raise RefusedError(f"{kind}: {_explain(error)}", subject) from error
    return Received(kind, "" if kind == "ReceptionStatus" else subject, message)


def _message_id(raw: dict[str, Any]) -> str:
    found = raw.get("message_id")
    return found if isinstance(found, str) and 0 < len(found) <= _ID_LENGTH else NO_MESSAGE


def _check_values(value: Any, path: str) -> None:
    """Finite numbers and ranges in order, at every depth."""
    if isinstance(value, float) and not math.isfinite(value):
        raise RefusedError(f"{path}: {value}; expected a finite number")
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check_values(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        low, high = value.get("start_of_range"), value.get("end_of_range")
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            raise RefusedError(f"{path}: {low} to {high}; expected start_of_range <= end_of_range")
        factor = value.get("operation_mode_factor")
        if isinstance(factor, int | float) and not 0 <= factor <= 1:
            raise RefusedError(f"{path or 'message'}: operation_mode_factor {factor}; expected 0 to 1")
        for key, item in value.items():
            _check_values(item, f"{path}.{key}" if path else str(key))


def _explain(error: BaseException) -> str:
    """The innermost explanation: s2-python wraps pydantic's without its text."""
    cause = error.__cause__
    found = cause if isinstance(cause, ValidationError) else error
    if isinstance(found, ValidationError):
        first = found.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc']) or 'message'}: {first['msg']}"
    if isinstance(found, S2ValidationError):
        return found.msg
    return str(found)
