"""References and the lock: what an entry locks, and what it does not."""

from __future__ import annotations

import pytest
from ansible.module_utils.cariflex.images import lock

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("postgres:17.6", ("docker.io", "library/postgres", "17.6", "")),
        ("grafana/grafana", ("docker.io", "grafana/grafana", "latest", "")),
        ("127.0.0.1:5000/cariflex/redis:abc", ("127.0.0.1:5000", "cariflex/redis", "abc", "")),
        ("registry:5000/x", ("registry:5000", "x", "latest", "")),
        (f"r.example.org/a/b:1@{DIGEST}", ("r.example.org", "a/b", "1", DIGEST)),
    ],
)
def test__parse_reference__as_docker_reads_it(text, parts):
    assert lock.parse_reference(text) == lock.Reference(*parts)


@pytest.mark.parametrize("entry", [f"r/x:2@{DIGEST}", "r/x:1", "r/x:1@sha256:short", f"r/x:1@{DIGEST}0"])
def test__locked_refs__an_entry_for_something_else_locks_nothing(entry):
    refs = lock.locked_refs({"x": "r/x:1"}, {"x": entry})
    assert refs == {"x": "r/x:1"}
    [reason] = lock.unlocked_reasons(["x"], refs, {"x": entry})
    assert reason == f"x (r/x:1): the lock is for {entry}"


def test__locked_refs__entry_and_inventory_digest_both_count():
    refs = lock.locked_refs({"x": "r/x:1", "y": f"r/y:1@{DIGEST}"}, {"x": f"r/x:1@{DIGEST}"})
    assert refs == {"x": f"r/x:1@{DIGEST}", "y": f"r/y:1@{DIGEST}"}
    assert lock.unlocked_reasons(["x", "y", "not here"], refs, {}) == []
