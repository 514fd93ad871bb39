"""Stands in for Grafana in tests: reads what Grafana reads, from where it reads it, and answers for it.

It ends at once when a file that Grafana needs cannot be read, and logs in to PostgreSQL with what it was
provisioned with. It draws no panel and sends no alert: what it says is about the
deployment, never about Grafana.
"""

import base64
import configparser
import hmac
import json
import logging
import logging.handlers
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2
import yaml

CONFIG = Path("/etc/grafana/grafana.ini")
_FILE = re.compile(r"\$__file\{([^}]*)\}")


def expand(text: str) -> str:
    """Replace each `$__file{path}` by the file's content, as Grafana does."""
    return _FILE.sub(lambda found: Path(found[1]).read_text(encoding="utf-8").strip(), text)


class Strict(yaml.SafeLoader):
    """Refuses a key that stands twice, which the usual loader forgets."""


def _mapping(loader: Strict, node: yaml.MappingNode) -> dict[object, object]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise ValueError(f"{node.start_mark}: {sorted(map(str, twice))} twice; expected once")
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


class State:
    """What was read at the start."""

    def __init__(self) -> None:
        # No interpolation: the value of a secret may hold any character. A key that stands twice is refused.
        self.settings = configparser.ConfigParser(interpolation=None)
        self.settings.read_string(CONFIG.read_text(encoding="utf-8"))
        security = self.settings["security"]
        self.login = f"{security['admin_user']}:{expand(security['admin_password'])}"
        if not expand(security["secret_key"]):
            raise ValueError(f"{CONFIG}: secret_key is empty")
        self.provisioning = Path(self.settings["paths"]["provisioning"])
        self.documents = {
            str(file.relative_to(self.provisioning)): Strict(
                file.read_text(encoding="utf-8")
            ).get_single_data()
            for file in sorted(self.provisioning.rglob("*"))
            if file.suffix in {".yml", ".yaml", ".json"}
        }
        self.sources = {
            source["uid"]: source
            for document in self.documents.values()
            for source in (document or {}).get("datasources", [])
        }
        self.dashboards = {
            board["uid"]: board
            for document in self.documents.values()
            for provider in (document or {}).get("providers", [])
            for board in (
                json.loads(file.read_text(encoding="utf-8"))
                for file in sorted(Path(provider["options"]["path"]).glob("*.json"))
            )
        }

    def ask_source(self, uid: str) -> str:
        """Log in to a provisioned PostgreSQL as Grafana would."""
        source = self.sources[uid]
        host, _, port = source["url"].partition(":")
        with psycopg2.connect(
            host=host,
            port=port,
            user=source["user"],
            dbname=source["jsonData"]["database"],
            sslmode=source["jsonData"]["sslmode"],
            password=expand(source["secureJsonData"]["password"]),
            connect_timeout=5,
        ) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT current_user, current_database()")
            return "/".join(cursor.fetchone())


class Handler(BaseHTTPRequestHandler):
    """Routes: /api/health, /metrics and /login are open, all else asks for the administrator's password."""

    state: State
    server_version = "grafana-stand-in"

    def do_GET(self) -> None:
        """Answer one request."""
        state = self.state
        if self.path == "/api/health":
            self._answer(200, {"database": "ok", "version": "stand-in"})
            return
        if self.path == "/metrics":
            self._answer(200, 'grafana_build_info{version="stand-in"} 1\n')
            return
        if self.path == "/login":
            self._answer(
                200, {"stand_in": "grafana", "forwarded_proto": self.headers.get("X-Forwarded-Proto")}
            )
            return
        _, _, given = self.headers.get("Authorization", "").partition(" ")
        wanted = base64.b64encode(state.login.encode()).decode()
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            self._answer(401, {"message": "Unauthorized"})
        elif self.path == "/api/search":
            self._answer(
                200, [{"uid": uid, "title": board["title"]} for uid, board in state.dashboards.items()]
            )
        elif found := re.fullmatch(r"/api/datasources/uid/([\w-]+)/health", self.path):
            self._source(found[1])
        elif self.path == "/api/provisioned":
            self._answer(200, state.documents)
        else:
            self._answer(404, {"message": "Not found"})

    def _source(self, uid: str) -> None:
        if uid not in self.state.sources:
            self._answer(404, {"message": f"data source {uid} not found"})
            return
        try:
            self._answer(200, {"status": "OK", "message": self.state.ask_source(uid)})
        except psycopg2.Error as error:
            self._answer(400, {"status": "ERROR", "message": str(error).strip()})

    def _answer(self, status: int, body: object) -> None:
        text = isinstance(body, str)
        content = (body if text else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4" if text else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, line: str, *values: object) -> None:
        """Write one line an access."""
        logging.getLogger("access").info(line, *values)


def main() -> None:
    """Read everything, then serve."""
    try:
        state = State()
        log = state.settings["log.file"]
        path = Path(state.settings["paths"]["logs"]) / "grafana.log"
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=2 ** log.getint("max_size_shift"), backupCount=log.getint("max_days")
        )
        probe = Path(state.settings["paths"]["data"]) / ".stand-in"
        probe.write_text(str(os.getuid()), encoding="utf-8")
    except (OSError, ValueError, KeyError, configparser.Error, yaml.YAMLError) as error:
        sys.exit(f"grafana stand-in: {error!r}")
    logging.basicConfig(level=logging.INFO, handlers=[handler, logging.StreamHandler()])
    Handler.state = state
    port = state.settings["server"].getint("http_port")
    logging.info("stand-in for Grafana, %d dashboards", len(state.dashboards))
    ThreadingHTTPServer(("", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
