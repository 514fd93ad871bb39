"""HTTPS through Traefik: the request names the public host, the connection goes to a given address."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ..errors import ApiError

# FlexMeasures' readiness answers after 11 s when Redis is down.
TIMEOUT_S = 20.0


class _Connection(http.client.HTTPSConnection):
    """Connects to ``address``, but checks the certificate of ``host``."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=TIMEOUT_S, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), TIMEOUT_S)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


class Api:
    """JSON requests to one host. ``ca_file`` is a PEM file, empty for the system's authorities."""

    def __init__(self, host: str, address: str, port: int, ca_file: str) -> None:
        self.host, self._address, self._port, self._ca_file = host, address, port, ca_file
        self._token = ""

    def log_in(self, email: str, password: str) -> None:
        """Get a token for the requests that follow."""
        answer = self.request("POST", "/api/requestAuthToken", {"email": email, "password": password})
        self._token = str(answer["auth_token"])

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """GET with a query; the JSON object of the answer."""
        return self.request("GET", f"{path}?{urlencode(query)}" if query else path)

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send one request; ApiError unless it is answered 2xx with a JSON object."""
        where = f"{method} https://{self.host}{path.partition('?')[0]} at {self._address}"
        headers = {
            "Content-Type": "application/json",
            **({"Authorization": self._token} if self._token else {}),
        }
        try:
            context = ssl.create_default_context(cafile=self._ca_file or None)
            connection = _Connection(self.host, self._port, self._address, context)
            try:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                response = connection.getresponse()
                content = response.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(f"{where}: {error}") from error
        if response.status >= http.client.MULTIPLE_CHOICES:
            raise ApiError(
                f"{where}: HTTP {response.status}, expected 200: {content[:300].decode(errors='replace')}"
            )
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise ApiError(f"{where}: not JSON: {content[:100]!r}") from error
        if not isinstance(answer, dict):
            raise ApiError(f"{where}: {type(answer).__name__}, expected a JSON object")
        return answer
