"""HTTP around the double: apps and tokens, the envelope, transaction locks, faults that tests switch on."""

import base64
import json
import secrets
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from .api import _NOT_GIVEN, Api, filtered
from .store import RefusalError, Store

MOST_FAILED_LOGINS = 10
READ, WRITE = 1, 2


@dataclass
class App:
    """An API app. ``code`` None: user tokens; ``lock`` False: no transaction lock ("Disabled")."""

    code: str | None = None
    permission: int = 3
    nest: bool = False
    lock: bool = True
    lock_timeout_message: str = ""


class Phpipam:
    """The double as a context manager: ``url`` answers while it is open, ``log`` lists "METHOD path"."""

    def __init__(self, apps=None, users=None, custom_fields=(), race_gap_s=0.0, latency_s=0.0):
        self.apps = apps or {"ansible": App(code="code-of-the-test")}
        self.users = users or {"Admin": "password-of-the-test"}
        self.store = Store(custom_fields)
        self.api = Api(self.store, race_gap_s)
        self.tokens = {}
        self.failed_logins = 0
        self.latency_s = latency_s
        self.log = []
        # Set by tests: called with (method, path) before a request; may return bytes to answer instead.
        self.fault = None
        self.stringify = False
        self._transaction = threading.Lock()
        self._server = None

    def __enter__(self):
        verbs = {f"do_{verb}": _Handler.serve for verb in ("GET", "POST", "PATCH", "PUT", "DELETE")}
        handler = type("Handler", (_Handler,), {"phpipam": self, **verbs})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def add_section(self, name="Cariflex", **values):
        return int(self.api.post_section({"name": name, **values}, None)["id"])

    def add_subnet(self, section_id, cidr, **values):
        subnet, mask = cidr.split("/")
        body = {"subnet": subnet, "mask": mask, "sectionId": section_id, **values}
        return int(self.api.post_subnet(body, None)["id"])

    def add_address(self, subnet_id, ip, **values):
        return int(self.api.post_address({"subnetId": subnet_id, "ip": ip, **values}, App())["id"])

    def records(self, *fields):
        """The given fields of every address, in the order of their ids."""
        return [tuple(row.get(f) for f in fields) for row in self.store.addresses.values()]

    def writes(self):
        return [entry for entry in self.log if not entry.startswith("GET")]

    def answer(self, method, target, headers, body):
        """(HTTP status, headers, envelope or None for an empty answer)."""
        path = urlsplit(target)
        parts = [unquote(part) for part in path.path.strip("/").split("/")]
        try:
            app = self._app(parts)
            result = self._dispatch(app, method, parts[1:], dict(parse_qsl(path.query)), headers, body)
        except RefusalError as error:
            if error.message is _NOT_GIVEN:
                return error.status, {}, None
            away = {"Location": "/api//user/"} if error.code == 401 else {}
            return error.status, away, {"code": error.code, "success": False, "message": error.message}
        code = result.pop("code", 200)
        where = {"Location": f"/api/{parts[1]}/{parts[2]}/{result['id']}/"} if code == 201 else {}
        return code, where, {"code": code, "success": True, **result}

    def _app(self, parts):
        if len(parts) < 3:
            raise RefusalError(400, "Invalid application id" if len(parts) < 2 else "Request is not valid")
        name = parts[1]
        if name not in self.apps:
            raise RefusalError(400, "Invalid application id")
        if not self.apps[name].permission:
            raise RefusalError(503, "Application disabled")
        return self.apps[name]

    def _dispatch(self, app, method, parts, query, headers, body):
        if self.failed_logins > MOST_FAILED_LOGINS:
            text = "Your IP has been blocked for 5 minutes because of excessive login failures"
            raise RefusalError(500, text)
        controller, rest = parts[1], parts[2:]
        if controller == "user":
            return self._user(method, headers)
        self._authenticate(app, headers)
        if method != "GET" and app.permission < WRITE:
            raise RefusalError(401, "invalid permissions")
        values = _parse(headers, body)
        if method == "GET":
            found = self._get(app, controller, rest)
            return {"data": filtered(found["data"], query)} if query else found
        if method == "POST" and app.lock_timeout_message:
            raise RefusalError(500, app.lock_timeout_message, status=200)
        if method == "POST" and app.lock:
            with self._transaction:
                return self._write(app, method, controller, rest, values)
        return self._write(app, method, controller, rest, values)

    def _user(self, method, headers):
        if method == "POST":
            return self._log_in(headers.get("Authorization", ""))
        if headers.get("token") not in self.tokens.values():
            raise RefusalError(403, "Invalid token" if headers.get("token") else "Please provide token")
        if method == "DELETE":
            self.tokens = {
                user: token for user, token in self.tokens.items() if token != headers.get("token")
            }
            return {"data": ["Token removed"]}
        return {"data": {"expires": "2026-11-23 12:35:56"}}

    def _log_in(self, header):
        if not header.startswith("Basic "):
            raise RefusalError(400, "Please provide username and password")
        user, _, password = base64.b64decode(header[6:]).decode().partition(":")
        if self.users.get(user) != password:
            self.failed_logins += 1
            raise RefusalError(500, "Invalid username or password")
        # One token a user, the same at every login while it is valid.
        token = self.tokens.setdefault(user, secrets.token_hex(12))
        return {"data": {"token": token, "expires": "2026-11-23 12:35:56"}}

    def _authenticate(self, app, headers):
        token = headers.get("token") or headers.get("phpipam-token")
        good = [app.code] if app.code is not None else list(self.tokens.values())
        if token is None or token not in good:
            raise RefusalError(401, "Unauthorized")

    def _get(self, app, controller, rest):
        match controller, rest:
            case "sections", []:
                return self.api.get_sections()
            case "sections", [key]:
                return self.api.get_section(key)
            case "sections", [key, "subnets"]:
                return self.api.get_section_subnets(int(key))
            case "subnets", []:
                return self.api.get_subnets()
            case "subnets", [key, "addresses"]:
                return self.api.get_subnet_addresses(int(key), app)
            case "subnets", [key]:
                return self.api.get_subnet(int(key))
            case "addresses", []:
                return self.api.get_addresses()
            case "addresses", ["tags"]:
                return self.api.get_tags()
            case "addresses", ["first_free", key]:
                return self.api.get_first_free(int(key))
            case "addresses", [key]:
                return self.api.get_address(int(key), app)
        raise RefusalError(400, "Invalid controller")

    def _write(self, app, method, controller, rest, body):
        api = self.api
        if isinstance(body, dict) and "id" in body and not rest:
            rest = [str(body.pop("id"))]
        match "PATCH" if method == "PUT" else method, controller, rest:
            case "POST", "sections", []:
                return api.post_section(body, app)
            case "PATCH", "sections", [key]:
                return api.patch_section(int(key), body, app)
            case "DELETE", "sections", [key]:
                return api.delete_section(int(key))
            case "POST", "subnets", []:
                return api.post_subnet(body, app)
            case "POST", "subnets", [key, "first_subnet", mask]:
                return api.post_first_subnet(int(key), int(mask), body, app)
            case "PATCH", "subnets", [key]:
                return api.patch_subnet(int(key), body, app)
            case "DELETE", "subnets", [key]:
                return api.delete_subnet(int(key))
            case "DELETE", "subnets", [key, "truncate"]:
                return api.truncate_subnet(int(key))
            case "POST", "addresses", []:
                return api.post_address(body, app)
            case "POST", "addresses", ["first_free", key]:
                return api.post_first_free(int(key), body, app)
            case "PATCH", "addresses", [key]:
                return api.patch_address(int(key), body, app)
            case "DELETE", "addresses", [key]:
                return api.delete_address(int(key))
            case "DELETE", "addresses", [ip, key]:
                return api.delete_address_by_ip(ip, int(key))
        raise RefusalError(400, "Invalid controller")


def _parse(headers, body):
    if not body:
        return {}
    kind = headers.get("Content-Type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode()))
    if not kind.startswith("application/json"):
        raise RefusalError(415, f"Invalid Content type {kind}")
    try:
        return json.loads(body)
    except ValueError:
        raise RefusalError(400, "Invalid JSON: Syntax error") from None


def _as_text(value):
    """The header api-stringify-results: numbers become texts, at any depth."""
    if isinstance(value, dict):
        return {k: _as_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_as_text(v) for v in value]
    return str(value) if isinstance(value, int) else value


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    phpipam = None

    def serve(self):
        double = self.phpipam
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        double.log.append(f"{self.command} {self.path}")
        if double.latency_s:
            time.sleep(double.latency_s)
        instead = double.fault(self.command, self.path) if double.fault else None
        if instead == b"":
            # Gone in the middle of it: the client never hears what happened.
            double.answer(self.command, self.path, self.headers, body)
            self.close_connection = True
            return
        if instead is not None:
            self._send(502, {"Content-Type": "text/html"}, instead)
            return
        status, headers, envelope = double.answer(self.command, self.path, self.headers, body)
        if envelope is not None:
            envelope["time"] = 0.001
            if (self.headers.get("api-stringify-results") or double.stringify) and "data" in envelope:
                envelope["data"] = _as_text(envelope["data"])
        content = b"" if envelope is None else json.dumps(envelope).encode()
        self._send(status, {"Content-Type": "application/json; charset=utf-8", **headers}, content)

    def _send(self, status, headers, content):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing on the tests' terminal."""
