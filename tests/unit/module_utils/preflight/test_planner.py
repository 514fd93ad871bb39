from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from ansible.module_utils.cariflex.preflight.model import (
    Demands,
    DiskDemand,
    DiskSpace,
    EngineObject,
    Host,
    NetworkDemand,
    Route,
)
from ansible.module_utils.cariflex.preflight.planner import check

DEMANDS = Demands(
    environment="dev",
    systems={"debian": ("12", "13")},
    memory_mib=3500,
    disks=(DiskDemand("images", "/var/lib/docker", 12, 3), DiskDemand("configuration", "/opt/c", 2, 0.5)),
    ports=(80, 443),
    networks=(
        NetworkDemand("openadr-internal", IPv4Network("192.168.240.0/24"), "br-openadr"),
        NetworkDemand("cariflex-backend", IPv4Network("192.168.241.0/24"), "br-backend"),
    ),
    containers=frozenset({"traefik", "flexmeasures-db"}),
    volumes=frozenset({"flexmeasures-db-data"}),
)
HOST = Host(
    uid=0,
    system="debian",
    version="12",
    memory_mib=8000,
    disks={"/var/lib/docker": DiskSpace(1, 50.0), "/opt/c": DiskSpace(1, 50.0)},
    routes=(Route(IPv4Network("0.0.0.0/0"), "eth0"), Route(IPv4Network("192.0.2.0/24"), "eth0")),
)


def test_check__suitable_host__nothing_found():
    assert check(DEMANDS, HOST) == []


def test_check__second_deploy__own_objects_ports_and_bridges_pass():
    host = replace(
        HOST,
        listeners={80: "docker-proxy (pid 9)", 443: "docker-proxy (pid 9)"},
        routes=(*HOST.routes, Route(IPv4Network("192.168.240.0/24"), "br-openadr")),
        objects=(
            EngineObject("container", "traefik", "dev", ports=frozenset({80, 443})),
            EngineObject(
                "network",
                "openadr-internal",
                "dev",
                subnets=(IPv4Network("192.168.240.0/24"),),
                bridge="br-openadr",
            ),
            EngineObject("volume", "flexmeasures-db-data", "dev"),
        ),
    )
    assert check(DEMANDS, host) == []


@pytest.mark.parametrize(
    ("change", "subject", "value"),
    [
        ({"uid": 1000}, "privileges", "uid 1000"),
        ({"version": "11"}, "operating system", "debian 11"),
        ({"system": "fedora"}, "operating system", "fedora 12"),
        ({"memory_mib": 2000}, "memory", "2000 MiB"),
        ({"listeners": {80: "nginx (pid 7)"}}, "TCP port 80", "used by nginx (pid 7)"),
        (
            {"routes": (Route(IPv4Network("192.168.0.0/16"), "eth1"),)},
            "subnet 192.168.240.0/24 of network openadr-internal",
            "overlapping the route 192.168.0.0/16 on eth1",
        ),
        ({"objects": (EngineObject("container", "traefik", None),)}, "container traefik", "not made by us"),
        (
            {"objects": (EngineObject("volume", "flexmeasures-db-data", "prod"),)},
            "volume flexmeasures-db-data",
            "labelled for environment prod",
        ),
    ],
)
def test_check__one_obstacle__is_named(change, subject, value):
    found = check(DEMANDS, replace(HOST, **change))
    assert (found[0].subject, found[0].value) == (subject, value)
    assert found[0].remedy


def test_check__disks_on_one_filesystem__demands_add_up():
    tight = {"/var/lib/docker": DiskSpace(1, 13.0), "/opt/c": DiskSpace(1, 13.0)}
    apart = {"/var/lib/docker": DiskSpace(1, 13.0), "/opt/c": DiskSpace(2, 13.0)}
    assert [f.expected for f in check(DEMANDS, replace(HOST, disks=tight))] == ["at least 14 GiB"]
    assert check(DEMANDS, replace(HOST, disks=apart)) == []


def test_check__already_deployed__less_disk_suffices():
    host = replace(
        HOST,
        disks={"/var/lib/docker": DiskSpace(1, 4.0), "/opt/c": DiskSpace(1, 4.0)},
        objects=(EngineObject("container", "traefik", "dev"),),
    )
    assert check(DEMANDS, host) == []


def test_check__foreign_docker_network_in_our_subnet__is_named_once():
    subnet = IPv4Network("192.168.240.0/24")
    host = replace(
        HOST,
        objects=(EngineObject("network", "other", None, subnets=(subnet,), bridge="br-0123"),),
        routes=(Route(subnet, "br-0123"),),
    )
    assert [f.value for f in check(DEMANDS, host)] == ["overlapping 192.168.240.0/24 of Docker network other"]


def test_check__our_own_subnets_overlap__is_named():
    wide = NetworkDemand("wide", IPv4Network("192.168.0.0/16"), "br-wide")
    found = check(replace(DEMANDS, networks=(*DEMANDS.networks, wide)), HOST)
    assert [f.value for f in found] == ["overlapping 192.168.0.0/16 of wide"] * 2


def test_check__several_obstacles__all_found():
    assert len(check(DEMANDS, replace(HOST, uid=5, memory_mib=1, listeners={80: "a", 443: "b"}))) == 4
