"""Shared by vtnctl and venctl: requests to the local service, tables, exit codes.

Standard library only: the health commands run every few seconds.
"""

import http.client
import json
import sys
from dataclasses import dataclass
from typing import Any

from cariflex_openadr.settings import Listen
from cariflex_service.reading import SettingsError

TIMEOUT_S = 5.0


class ControlError(RuntimeError):
    """The service refused, or could not be reached; the message is the service's own where it gave one."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries: JSON, or a text of its own type."""

    content: bytes
    content_type: str = "application/json"


def call(
    listen: Listen,
    path: str,
    body: dict[str, Any] | Body | None = None,
    *,
    post: bool = False,
    method: str = "",
    token: str = "",
) -> dict[str, Any]:
    """The service's JSON answer: GET, or POST (or ``method``) of ``body``. Raises ControlError."""
    connection = http.client.HTTPConnection(listen.host, listen.port, timeout=TIMEOUT_S)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        verb = method or ("POST" if post else "GET")
        sent = body if isinstance(body, Body) else Body(json.dumps(body or {}).encode())
        if verb == "GET":
            connection.request(verb, path, headers=headers)
        else:
            connection.request(verb, path, sent.content, headers | {"Content-Type": sent.content_type})
        reply = connection.getresponse()
        answer = json.loads(reply.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ControlError(f"http://{listen.host}:{listen.port}{path}: {error}") from error
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise ControlError(f"{path}: {type(answer).__name__}; expected a JSON object")
    if reply.status >= http.client.BAD_REQUEST:
        reason = answer.get("error") or "; ".join(answer.get("problems", [])) or reply.reason
        raise ControlError(str(reason))
    return answer


def show(answer: dict[str, Any], rows: list[list[str]], *, as_json: bool) -> None:
    """Print the answer as JSON, or ``rows`` (the first is the heading) as an aligned table."""
    if as_json:
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def exit_on_error(error: ControlError | SettingsError) -> int:
    """Say what is wrong; the exit code to return."""
    sys.stderr.write(f"{error}\n")
    return 1
