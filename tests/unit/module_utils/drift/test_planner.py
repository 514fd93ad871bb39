"""Each disagreement between inventory, phpIPAM, engine and host is named; agreement is not."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from ansible.module_utils.cariflex.drift.host import parse_endpoints, parse_network
from ansible.module_utils.cariflex.drift.model import (
    Endpoint,
    HostFacts,
    Ipam,
    IpamRecord,
    NetworkFact,
)
from ansible.module_utils.cariflex.drift.planner import compare, table
from ansible.module_utils.cariflex.preflight.model import Route

SUBNET, POOL = "192.168.240.0/24", "192.168.240.128/25"
NETWORKS = {
    "openadr-internal": {
        "subnet": SUBNET,
        "gateway": "192.168.240.1",
        "ip_range": POOL,
        "bridge": "br-openadr",
    }
}
CONTAINERS = {"openadr-vtn": {"openadr-internal": "192.168.240.10"}}
MAC = "02:42:c0:a8:f0:0a"
HOST = HostFacts(
    networks={"openadr-internal": NetworkFact(SUBNET, "192.168.240.1", POOL, "br-openadr")},
    endpoints=(Endpoint("openadr-vtn", "openadr-internal", "192.168.240.10", MAC),),
    routes=(
        Route(IPv4Network("0.0.0.0/0"), "eth0"),
        Route(IPv4Network("192.168.0.0/16"), "eth0"),
        Route(IPv4Network(SUBNET), "br-openadr"),
    ),
)
RECORD = IpamRecord(SUBNET, "192.168.240.10", "openadr-vtn", MAC)
IPAM = Ipam(frozenset({SUBNET, POOL}), (RECORD, IpamRecord(SUBNET, "192.168.240.1", "", "")))


def verdicts(containers=CONTAINERS, ipam=IPAM, host=HOST):
    return {row.subject: row.verdict for row in compare(NETWORKS, containers, ipam, host) if row.differs}


@pytest.mark.parametrize("ipam", [IPAM, None])
def test_agreement__is_no_difference(ipam):
    rows = compare(NETWORKS, CONTAINERS, ipam, HOST)
    assert [row.verdict for row in rows] == ["ok", "ok"]
    assert "openadr-vtn in openadr-internal" in table(rows)[2]


def test_any__accepts_what_phpipam_and_engine_agree_on():
    assert verdicts({"openadr-vtn": {"openadr-internal": "any"}}) == {}


def test_a_container_that_does_not_run__is_not_drift():
    assert verdicts(host=replace(HOST, endpoints=())) == {}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"subnet": "192.168.239.0/24"}, "engine's subnet is 192.168.239.0/24, not 192.168.240.0/24"),
        ({"gateway": "192.168.240.254"}, "engine's gateway is 192.168.240.254"),
        ({"ip_range": ""}, "engine's ip_range is unset"),
        ({"bridge": "br-1234"}, "engine's bridge is br-1234"),
    ],
)
def test_engine_network__differs(change, text):
    fact = replace(HOST.networks["openadr-internal"], **change)
    assert (
        text in verdicts(host=replace(HOST, networks={"openadr-internal": fact}))["network openadr-internal"]
    )


def test_engine_network__missing():
    found = verdicts(host=replace(HOST, networks={}))
    assert found == {"network openadr-internal": "the engine has no such network"}


def test_route__through_another_device():
    route = Route(IPv4Network("192.168.240.64/26"), "wg0")
    found = verdicts(host=replace(HOST, routes=(*HOST.routes, route)))
    assert found == {
        "route 192.168.240.64/26": "192.168.240.64/26 through wg0 takes addresses of the network away"
    }


def test_route__missing():
    found = verdicts(host=replace(HOST, routes=HOST.routes[:2]))
    assert found == {"network openadr-internal": f"the host routes {SUBNET} through -"}


def test_pool_of_the_daemon__overlaps():
    found = verdicts(host=replace(HOST, address_pools=("10.0.0.0/8", "192.168.0.0/16")))
    assert list(found) == ["pool 192.168.0.0/16"]


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ((), "phpIPAM has no record of it"),
        ((RECORD, replace(RECORD, ip="192.168.240.11")), "phpIPAM has 2 records of it"),
        ((replace(RECORD, ip="192.168.240.11"),), "phpIPAM says 192.168.240.11; engine and phpIPAM differ"),
        ((replace(RECORD, mac="02:42:00:00:00:01"),), f"MAC is {MAC}, phpIPAM says 02:42:00:00:00:01"),
    ],
)
def test_records__differ(records, text):
    found = verdicts(ipam=Ipam(IPAM.subnets, records))
    assert found == {"openadr-vtn in openadr-internal": text}


def test_engine_address__differs_from_the_table():
    endpoint = replace(HOST.endpoints[0], ip="192.168.240.20")
    found = verdicts(host=replace(HOST, endpoints=(endpoint,)), ipam=None)
    assert found == {"openadr-vtn in openadr-internal": "the container uses 192.168.240.20"}


def test_unknown_containers_and_records__are_named_but_pools_are_the_engines_affair():
    strangers = (
        Endpoint("stranger", "openadr-internal", "192.168.240.30"),
        Endpoint("from-pool", "openadr-internal", "192.168.240.130"),
        Endpoint("elsewhere", "bridge", "172.17.0.2"),
    )
    ghost = IpamRecord(SUBNET, "192.168.240.40", "ghost", "")
    found = verdicts(
        host=replace(HOST, endpoints=(*HOST.endpoints, *strangers)),
        ipam=Ipam(IPAM.subnets, (*IPAM.records, ghost)),
    )
    assert set(found) == {"stranger in openadr-internal", "ghost in openadr-internal"}


def test_missing_subnet__in_phpipam():
    found = verdicts(ipam=Ipam(frozenset({SUBNET}), IPAM.records))
    assert found == {"network openadr-internal": "phpIPAM lacks a subnet"}


def test_parse__engine_answers():
    networks = {
        "openadr-internal": {"IPAddress": "192.168.240.10", "MacAddress": MAC},
        "off": {"IPAddress": ""},
    }
    container = {
        "Names": ["/other/alias", "/openadr-vtn"],
        "Labels": {"fr.cariflex.environment": "dev"},
        "NetworkSettings": {"Networks": networks},
    }
    assert parse_endpoints(container, "dev") == list(HOST.endpoints)
    assert parse_endpoints(container, "prod") == []
    config = [{"Subnet": "fd00::/64"}, {"Subnet": SUBNET, "Gateway": "192.168.240.1", "IPRange": POOL}]
    network = {"Name": "openadr-internal", "Id": "0123456789abcdef", "IPAM": {"Config": config}}
    assert parse_network(network) == (
        "openadr-internal",
        NetworkFact(SUBNET, "192.168.240.1", POOL, "br-0123456789ab"),
    )
