"""HTTP to phpIPAM's API, nothing else: no planning, no Ansible module.

Observed on phpIPAM 1.8.3: a refusal may come as HTTP 200 with another code in the body (lock timeouts), a 404
may mean an empty list, a proxy may answer HTML, and more than ten failed logins block a client for 5 minutes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from ansible.module_utils.urls import ConnectionError as OpenUrlError
from ansible.module_utils.urls import Request, make_context

from ..errors import ApiError

_EMPTY = (
    "No subnets found",
    "No addresses found",
    "No results (filter applied)",
    "No sections available",
)
_READ_ATTEMPTS = 3
_PAUSE_S = 0.2


class PhpipamError(ApiError):
    """phpIPAM refused a request. ``code`` is the body's code, 0 when there was no answer to read."""

    def __init__(self, text: str, code: int = 0, message: str = "") -> None:
        super().__init__(text)
        self.code, self.message = code, message

    @property
    def lost_race(self) -> bool:
        """Whether another client was in the way: read again, plan again."""
        return (
            self.code == 409
            or "Duplicate entry" in self.message
            or "wait timeout exceeded" in self.message
            or "Cannot obtain lock" in self.message
        )

    @property
    def gone(self) -> bool:
        """Whether the object of a deletion or update is not there any more."""
        return self.code == 404


class UnreachableError(PhpipamError):
    """No usable answer: a refused connection, a timeout, or something else than phpIPAM at that address.

    After a write nobody knows whether it happened: read again before doing anything.
    """

    @property
    def lost_race(self) -> bool:
        """A write without an answer may have happened."""
        return True


class LoginError(PhpipamError):
    """phpIPAM refused the login. Nothing more is sent: ten failures block this host for five minutes."""

    @property
    def lost_race(self) -> bool:
        """No other client is to blame."""
        return False


@dataclass(frozen=True)
class Connection:
    """Where phpIPAM is and who we are: an ``app_code``, or ``username`` and ``password``."""

    url: str
    app_id: str
    app_code: str = ""
    username: str = ""
    password: str = ""
    validate_certs: bool = True
    ca_path: str | None = None
    timeout_s: float = 10.0


class Client:
    """One session. ``requests`` counts what was sent, logins included."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._base = f"{connection.url.rstrip('/')}/api/{quote(connection.app_id, safe='')}/"
        self._token = connection.app_code
        try:
            # Once, not per request as open_url does: loading the authorities takes 10 ms.
            context = make_context(connection.ca_path, validate_certs=connection.validate_certs)
        except OSError as error:
            raise ApiError(f"ca_path: is {connection.ca_path!r}, expected a PEM file: {error}") from error
        self._session = Request(
            timeout=connection.timeout_s,
            follow_redirects="none",
            http_agent="cariflex-ems",
            use_netrc=False,
            context=context,
        )
        self._refused: LoginError | None = None
        self.requests = 0

    def get(self, path: str) -> Any:
        """Return the data of one object. Raises PhpipamError, also when it does not exist."""
        return self._request("GET", path)["data"]

    def list(self, path: str) -> list[Mapping[str, Any]]:
        """Return the rows of a list; an empty list is a 404 with a message of its own."""
        try:
            rows: list[Mapping[str, Any]] = self.get(path)
        except PhpipamError as error:
            if error.code == 404 and error.message.startswith(_EMPTY):
                return []
            raise
        return rows

    def create(self, path: str, values: Mapping[str, Any]) -> int:
        """POST; the new object's id."""
        return int(self._request("POST", path, values)["id"])

    def update(self, path: str, values: Mapping[str, Any]) -> None:
        """PATCH."""
        self._request("PATCH", path, values)

    def delete(self, path: str) -> None:
        """DELETE."""
        self._request("DELETE", path)

    def _request(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if not self._token:
            self._log_in()
        try:
            return self._send(method, path, values)
        except PhpipamError as error:
            # Another client's logout or six idle hours ended the session. Writes were not carried out.
            expired = error.code == 401 and error.message == "Unauthorized"
            if not expired or self._connection.app_code:
                raise
        self._log_in()
        return self._send(method, path, values)

    def _log_in(self) -> None:
        if self._refused is not None:
            raise self._refused
        try:
            answer = self._exchange("POST", "user/", None, login=True)
        except UnreachableError:
            raise
        except PhpipamError as error:
            self._refused = LoginError(str(error), error.code, error.message)
            raise self._refused from error
        self._token = str(answer["data"]["token"])

    def _send(self, method: str, path: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
        attempts = _READ_ATTEMPTS if method == "GET" else 1
        while True:
            attempts -= 1
            try:
                return self._exchange(method, path, values)
            except UnreachableError:
                if not attempts:
                    raise
                time.sleep(_PAUSE_S)

    def _exchange(
        self, method: str, path: str, values: Mapping[str, Any] | None, *, login: bool = False
    ) -> dict[str, Any]:
        url = self._base + path
        where = f"phpIPAM {method} {url}"
        connection = self._connection
        credentials = {"url_username": connection.username, "url_password": connection.password}
        headers = {} if login else {"token": self._token}
        self.requests += 1
        try:
            answer = self._session.open(
                method,
                url,
                data=None if values is None else json.dumps(values),
                headers=headers if values is None else {**headers, "Content-Type": "application/json"},
                force_basic_auth=login,
                **(credentials if login else {}),
            )
            status, content = answer.status, answer.read()
        except HTTPError as error:
            status, content = error.code, error.read()
        except (OSError, ValueError, HTTPException, OpenUrlError) as error:
            raise UnreachableError(f"{where}: no answer: {error}") from error
        return _checked(where, status, content)


def _checked(where: str, status: int, content: bytes) -> dict[str, Any]:
    """Return the parsed body of a success, or raise what the body says."""
    if 300 <= status < 400:
        raise PhpipamError(f"{where}: answered with a redirect ({status}). Fix: give the final url", status)
    try:
        body = json.loads(content)
    except ValueError as error:
        # A real 500 of phpIPAM may be empty; anything else comes from a proxy or another program.
        excerpt = content[:80].decode(errors="replace").strip() or "nothing"
        raise UnreachableError(f"{where}: status {status}, expected JSON, got {excerpt}", 0) from error
    if not isinstance(body, dict) or "code" not in body:
        raise UnreachableError(f"{where}: status {status}, expected phpIPAM's envelope")
    code, message = int(body["code"]), str(body.get("message") or "")
    if status >= 400 or code >= 400 or not body.get("success"):
        raise PhpipamError(f"{where}: {code} {message}", code if code >= 400 else status, message)
    return body
