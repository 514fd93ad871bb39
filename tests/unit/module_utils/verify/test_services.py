"""Answers of services, good and bad, become checks; never exceptions."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from ansible.module_utils.cariflex.errors import ApiError
from ansible.module_utils.cariflex.verify import services
from ansible.module_utils.cariflex.verify.model import Check, Report, Trace


class FakeRedis:
    """Workers: key -> (fields, ttl)."""

    def __init__(self, workers: dict) -> None:
        self.workers = workers

    def call(self, *words: str) -> object:
        if words[0] == "SMEMBERS":
            return list(self.workers)
        fields, ttl = self.workers[words[1]]
        return ttl if words[0] == "TTL" else [item for pair in fields.items() for item in pair]


def worker(hostname: str, queues: str = "scheduling,forecasting") -> dict:
    return {"hostname": hostname, "queues": queues, "state": "idle"}


def use(monkeypatch: pytest.MonkeyPatch, workers: dict) -> None:
    @contextmanager
    def connect(*_):
        yield FakeRedis(workers)

    monkeypatch.setattr(services, "connect", connect)


def test__ask_worker__takes_the_live_registration(monkeypatch: pytest.MonkeyPatch):
    use(monkeypatch, {"rq:worker:a": (worker("w"), -2), "rq:worker:a-1": (worker("w"), 400)})
    assert services.ask_worker("h", 1, "p", "w") == "a-1 on scheduling,forecasting, idle"


@pytest.mark.parametrize(
    ("workers", "message"),
    [
        ({}, "registered: none"),
        ({"k": (worker("w"), -1)}, "no live worker on host w"),
        ({"k": (worker("other"), 400)}, "registered: other"),
        ({"k": (worker("w", "scheduling"), 400)}, "lacks the queues forecasting"),
    ],
)
def test__ask_worker__says_what_is_registered(monkeypatch: pytest.MonkeyPatch, workers: dict, message: str):
    use(monkeypatch, workers)
    with pytest.raises(ApiError, match=message):
        services.ask_worker("h", 1, "p", "w")


def control(answer: object, code: int = 0) -> services.Control:
    return services.Control(
        lambda _: (code, json.dumps(answer), "no such container"), "openadr-ven", "venctl"
    )


def ago(seconds: int) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def test__ask_ven__tells_the_age_of_the_last_poll():
    status = {"registered": True, "last_poll": ago(3), "last_error": ""}
    assert services.ask_ven(control(status)) == "polled 3 s ago"
    with pytest.raises(ApiError, match="expected at most 40 s refused"):
        services.ask_ven(control({**status, "last_poll": ago(300), "last_error": "refused"}))
    with pytest.raises(ApiError, match="not polling"):
        services.ask_ven(control({**status, "registered": False}))


def test__ask_vtn__names_silent_vens():
    ven = {"ven_name": "ven", "registered": True, "last_poll": ago(2)}
    assert services.ask_vtn(control({"vens": [ven]})) == "ven polled 2 s ago"
    with pytest.raises(ApiError, match="do not poll: ven"):
        services.ask_vtn(control({"vens": [{**ven, "last_poll": None}]}))


def test__check__turns_any_bad_answer_into_a_failed_check():
    assert not services.check("s", "q", lambda: services.ask_ven(control({}))).ok
    failed = services.check("s", "q", lambda: services.ask_ven(control({}, code=1)))
    assert "docker exec openadr-ven venctl status --json: exit 1: no such container" in failed.detail


def test__report__lists_every_failure():
    checks = [Check("redis", "PING", True, "PONG", 0.1), Check("db", "SELECT 1", False, "refused", 0.1)]
    trace = Trace("price", "e", 3, 84, 24, "EUR/MWh", problem="not delivered")
    report = Report("dev", "now", checks, [trace])
    assert report.failures == ["db, SELECT 1: refused", "event price e modification 3: not delivered"]
    assert not report.as_json()["ok"]
    assert any("refused" in line for line in report.table())
    assert json.dumps(report.as_json())
