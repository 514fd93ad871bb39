"""One question to each service. Each check answers with a Check, never with an exception."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg2

from ..errors import ApiError
from .events import moment
from .http import Api
from .model import Check
from .redis import connect, hash_of

# (arguments) -> exit code, stdout, stderr
Run = Callable[[Sequence[str]], "tuple[int, str, str]"]
QUEUES = frozenset({"scheduling", "forecasting"})
# Three polls at the specified 10 s, and the time of one request.
MOST_POLL_AGE_S = 40.0


@dataclass(frozen=True)
class Control:
    """Commands inside a container: vtnctl and venctl, answering in JSON."""

    run: Run
    container: str
    command: str

    def call(self, *arguments: str) -> dict[str, Any]:
        """Run the command; ApiError with its own words when it fails."""
        words = ["docker", "exec", self.container, self.command, *arguments, "--json"]
        code, output, errors = self.run(words)
        if code != 0:
            raise ApiError(f"{' '.join(words)}: exit {code}: {(errors or output).strip()}")
        try:
            answer = json.loads(output)
        except ValueError as error:
            raise ApiError(f"{' '.join(words)}: not JSON: {output[:100]!r}") from error
        if not isinstance(answer, dict):
            raise ApiError(f"{' '.join(words)}: {type(answer).__name__}, expected a JSON object")
        return answer


def check(service: str, question: str, ask: Callable[[], str]) -> Check:
    """Ask; ``ask`` returns what was answered or raises ApiError."""
    begun = time.monotonic()
    try:
        detail, ok = ask(), True
    except ApiError as error:
        detail, ok = " ".join(str(error).split()), False
    except (KeyError, TypeError, ValueError) as error:
        detail, ok = f"unexpected answer: {error!r}", False
    return Check(service, question, ok, detail, round(time.monotonic() - begun, 3))


def ask_sql(login: Mapping[str, Any]) -> str:
    """SELECT 1 as FlexMeasures' own role."""
    try:
        connection = psycopg2.connect(connect_timeout=10, **login)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1, current_user, current_setting('server_version')")
                row = cursor.fetchone()
        finally:
            connection.close()
    except psycopg2.Error as error:
        raise ApiError(f"PostgreSQL at {login['host']}: {str(error).strip()}") from error
    if row is None or row[0] != 1:
        raise ApiError(f"SELECT 1 answered {row}, expected 1")
    return f"PostgreSQL {row[2]} as {row[1]}"


def ask_redis(host: str, port: int, password: str) -> str:
    """PING."""
    with connect(host, port, password) as redis:
        answer = redis.call("PING")
    if answer != "PONG":
        raise ApiError(f"PING answered {answer!r}, expected PONG")
    return str(answer)


def ask_ready(api: Api) -> str:
    """FlexMeasures' readiness through Traefik."""
    answer = api.get("/api/v3_0/health/ready")
    down = sorted(key for key, value in answer.items() if value is False)
    if down:
        raise ApiError(f"not ready: {', '.join(down)}")
    return f"ready at https://{api.host}"


def ask_worker(host: str, port: int, password: str, worker: str) -> str:
    """Find a live registration of the worker: by host name, because its name changes after a kill."""
    with connect(host, port, password) as redis:
        hosts: list[str] = []
        for key in redis.call("SMEMBERS", "rq:workers"):
            fields = hash_of(redis, key)
            hosts.append(fields.get("hostname", "?"))
            # A killed worker's registration lives on until its key expires; one without expiry is dead.
            if fields.get("hostname") != worker or redis.call("TTL", key) <= 0:
                continue
            missing = QUEUES - set(fields.get("queues", "").split(","))
            if not missing:
                return f"{key.removeprefix('rq:worker:')} on {fields['queues']}, {fields.get('state', '?')}"
            raise ApiError(f"worker on {worker} lacks the queues {', '.join(sorted(missing))}")
    raise ApiError(f"no live worker on host {worker}, expected one; registered: {', '.join(hosts) or 'none'}")


def ask_ven(ven: Control) -> str:
    """Check the VEN's last poll."""
    status = ven.call("status")
    if not status["registered"] or not status["last_poll"]:
        raise ApiError(f"not polling: {status['last_error'] or 'not registered'}")
    return _recent(status["last_poll"], status["last_error"] or "")


def ask_vtn(vtn: Control) -> str:
    """Check the VTN's list of VENs, each registered and polling."""
    vens = vtn.call("vens")["vens"]
    if not vens:
        raise ApiError("knows no VEN, expected one")
    silent = [row["ven_name"] for row in vens if not row["registered"] or not row["last_poll"]]
    if silent:
        raise ApiError(f"VENs that do not poll: {', '.join(silent)}")
    return "; ".join(f"{row['ven_name']} {_recent(row['last_poll'], '')}" for row in vens)


def _recent(polled: str, error: str) -> str:
    age = (datetime.now(UTC) - moment(polled)).total_seconds()
    if age > MOST_POLL_AGE_S:
        raise ApiError(f"polled {age:.0f} s ago, expected at most {MOST_POLL_AGE_S:.0f} s {error}".strip())
    return f"polled {max(age, 0):.0f} s ago"
