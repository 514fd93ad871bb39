"""The Compose filter: what every container of ours has in common, and what a role may override."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import yaml

PLUGIN = Path(__file__).parents[3] / "plugins" / "filter" / "compose.py"
spec = importlib.util.spec_from_file_location("cariflex_compose_filter", PLUGIN)
assert spec is not None
assert spec.loader is not None
compose = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compose)


def render(service: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A fragment with one service, parsed back."""
    settings = {"environment": "dev", "secrets_dir": "/secrets", "checksum": "abc", **options}
    document = yaml.safe_load(compose.compose_fragment({"redis": service}, **settings))
    assert isinstance(document, dict)
    return document


def test__compose_endpoints__puts_fixed_macs_beside_addresses() -> None:
    addresses = {
        "redis": {"public": "172.29.0.13", "backend": "192.168.241.13"},
        "other": {"public": "172.29.0.9"},
    }
    macs = {"redis": {"public": "02:42:ac:1d:00:0d"}}

    endpoints = compose.compose_endpoints(addresses, macs)

    assert endpoints["other"] == addresses["other"]
    networks = render({"image": "redis:7", "addresses": endpoints["redis"]})["services"]["redis"]["networks"]
    assert networks == {
        "public": {"ipv4_address": "172.29.0.13", "mac_address": "02:42:ac:1d:00:0d"},
        "backend": {"ipv4_address": "192.168.241.13"},
    }


def test__compose_fragment__hardens_by_default() -> None:
    service = render({"image": "redis:7"})["services"]["redis"]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["container_name"] == "redis"


def test__compose_fragment__role_wins_over_common() -> None:
    service = render({"image": "redis:7", "restart": "no"})["services"]["redis"]

    assert service["restart"] == "no"


def test__compose_fragment__labels_ownership_and_configuration() -> None:
    labels = render({"image": "redis:7", "labels": {"own": "1"}})["services"]["redis"]["labels"]

    assert labels == {"fr.cariflex.environment": "dev", "fr.cariflex.config": "abc", "own": "1"}


def test__compose_fragment__fixed_and_dynamic_addresses() -> None:
    document = render({"image": "redis:7", "addresses": {"a": "10.0.0.2", "b": ""}})

    assert document["services"]["redis"]["networks"] == {"a": {"ipv4_address": "10.0.0.2"}, "b": {}}
    assert document["networks"] == {n: {"name": n, "external": True} for n in ("a", "b")}


def test__compose_fragment__secrets_are_files() -> None:
    document = render({"image": "redis:7", "secrets": ["password"]}, secrets_dir="/secrets/redis")

    assert document["secrets"] == {"redis-password": {"file": "/secrets/redis/password"}}
    assert document["services"]["redis"]["secrets"] == [{"source": "redis-password", "target": "password"}]


def test__compose_fragment__two_roles_secrets_of_one_name_stay_two() -> None:
    """Compose merges the fragments of a stack by key: the last one's file would reach both services."""
    fragments = [
        render({"secrets": ["password"]}, secrets_dir=f"/secrets/{role}") for role in ("simulator", "openadr")
    ]

    assert fragments[0]["secrets"].keys().isdisjoint(fragments[1]["secrets"])


def test__compose_fragment__is_stable() -> None:
    first = compose.compose_fragment({"b": {}, "a": {}}, "dev", "/s", "x")
    second = compose.compose_fragment({"a": {}, "b": {}}, "dev", "/s", "x")

    assert first == second
