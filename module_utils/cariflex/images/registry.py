"""Asks a registry, by the OCI distribution API, which digest a tag has. Reads only."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

from ansible.module_utils.urls import ConnectionError as OpenUrlError
from ansible.module_utils.urls import Request

from ..errors import ApiError, UnreachableError
from .lock import DEFAULT_REGISTRY, Reference, parse_reference

# What a tag may lead to: one image, or a list of one for each architecture.
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_HUB_API, _HUB_LOGIN = "registry-1.docker.io", "https://index.docker.io/v1/"


def docker_login(registry: str, config: Path | None = None) -> tuple[str, str] | None:
    """Give the user and password that `docker login` kept for a registry, None without."""
    path = config or Path.home() / ".docker/config.json"
    if not path.is_file():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    key = _HUB_LOGIN if registry == DEFAULT_REGISTRY else registry
    helper = kept.get("credHelpers", {}).get(key) or kept.get("credsStore")
    if helper:
        asked = subprocess.run(
            [f"docker-credential-{helper}", "get"], input=key, capture_output=True, text=True, check=False
        )
        if asked.returncode:
            return None
        answer = json.loads(asked.stdout)
        return answer["Username"], answer["Secret"]
    encoded = kept.get("auths", {}).get(key, {}).get("auth", "")
    user, _, password = base64.b64decode(encoded).decode().partition(":")
    return (user, password) if user else None


class Registries:
    """Any number of registries. `insecure`: they are asked without TLS."""

    def __init__(self, *, insecure: bool = False, timeout_s: float = 15.0) -> None:
        self._scheme = "http" if insecure else "https"
        self._session = Request(timeout=timeout_s, http_agent="cariflex-ems", use_netrc=False)
        self._authorization: dict[tuple[str, str], str] = {}

    def digest(self, ref: str) -> str | None:
        """Give the digest (sha256:...) of the manifest behind a reference; None when there is none.

        It is computed from the manifest itself, as the engine will do that pulls it. Raises ApiError, and
        UnreachableError when nothing answers.
        """
        reference = parse_reference(ref)
        try:
            content, told = self._manifest(reference)
        except HTTPError as error:
            if error.code == 404:
                return None
            remedy = "docker login there first" if error.code in (401, 403) else "look at its log"
            raise ApiError(
                f"{ref}: {reference.registry} answers {error.code}; expected a manifest. Fix: {remedy}."
            ) from error
        except (OSError, OpenUrlError, HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise UnreachableError(
                f"{ref}: no answer from the registry {reference.registry} ({reason}). Fix: start it, or "
                "correct images_registry_prefix; one without TLS needs images_registry_insecure."
            ) from error
        found = "sha256:" + hashlib.sha256(content).hexdigest()
        if told and told != found:
            raise ApiError(f"{ref}: the registry tells digest {told}, but its manifest has {found}.")
        return found

    def _manifest(self, reference: Reference) -> tuple[bytes, str]:
        host = _HUB_API if reference.registry == DEFAULT_REGISTRY else reference.registry
        url = f"{self._scheme}://{host}/v2/{reference.path}/manifests/{reference.digest or reference.tag}"
        headers = {"Accept": ", ".join(_MANIFESTS)}
        key = (reference.registry, reference.path)
        try:
            answer = self._get(url, headers | self._authorized(key))
        except HTTPError as error:
            if error.code != 401 or key in self._authorization:
                raise
            self._authorization[key] = self._log_in(reference, error.headers.get("WWW-Authenticate", ""))
            answer = self._get(url, headers | self._authorized(key))
        return answer.read(), answer.headers.get("Docker-Content-Digest", "")

    def _authorized(self, key: tuple[str, str]) -> dict[str, str]:
        return {"Authorization": self._authorization[key]} if key in self._authorization else {}

    def _get(self, url: str, headers: Mapping[str, str]) -> Any:
        return self._session.open("GET", url, headers=dict(headers))

    def _log_in(self, reference: Reference, challenge: str) -> str:
        """Return an Authorization header for a path: our login, or a token that it buys."""
        login = docker_login(reference.registry)
        basic = "Basic " + base64.b64encode(":".join(login).encode()).decode() if login else ""
        kind, _, rest = challenge.partition(" ")
        if kind.lower() != "bearer":
            return basic
        fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        query = {"service": fields.get("service", ""), "scope": f"repository:{reference.path}:pull"}
        answer = self._get(
            f"{fields.get('realm', '')}?{urlencode(query)}", {"Authorization": basic} if basic else {}
        )
        token = json.loads(answer.read())
        return f"Bearer {token.get('token') or token.get('access_token', '')}"
