"""Asks the inner engine and the kernel for the three networks."""

import json


def _inspect(host, name):
    return json.loads(host.check_output("docker network inspect %s", name))[0]


def test_subnet_gateway_and_dynamic_pool(host):
    found = {name: _inspect(host, name)["IPAM"]["Config"] for name in ("traefik-public", "openadr-internal")}
    assert found == {
        "traefik-public": [
            {"Subnet": "172.29.0.0/16", "IPRange": "172.29.128.0/17", "Gateway": "172.29.0.1"}
        ],
        "openadr-internal": [
            {"Subnet": "192.168.240.0/24", "IPRange": "192.168.240.128/25", "Gateway": "192.168.240.1"}
        ],
    }


def test_only_the_backend_is_internal(host):
    internal = {
        name: _inspect(host, name)["Internal"]
        for name in ("traefik-public", "openadr-internal", "cariflex-backend")
    }
    assert internal == {"traefik-public": False, "openadr-internal": False, "cariflex-backend": True}


def test_the_bridges_have_the_names_that_the_firewall_expects(host):
    links = host.check_output("ip -o link show type bridge")
    assert [name for name in ("br-traefik", "br-openadr", "br-backend") if f"{name}:" not in links] == []


def test_the_networks_carry_our_label(host):
    label = "label=fr.cariflex.environment=dev"
    names = host.check_output("docker network ls --filter %s --format '{{.Name}}'", label)
    assert set(names.split()) == {"traefik-public", "openadr-internal", "cariflex-backend"}
