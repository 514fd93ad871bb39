"""Asks the inner engine for the networks, and a container for its address."""

import json


def test_subnet_gateway_pool_and_bridge(host):
    inspected = json.loads(host.check_output("docker network inspect traefik-public cariflex-backend"))
    found = {
        network["Name"]: (
            network["IPAM"]["Config"],
            network["Internal"],
            network["Options"]["com.docker.network.bridge.name"],
        )
        for network in inspected
    }
    front = [{"Subnet": "172.30.0.0/20", "IPRange": "172.30.8.0/21", "Gateway": "172.30.0.9"}]
    inner = [{"Subnet": "10.77.0.0/24", "IPRange": "10.77.0.128/25", "Gateway": "10.77.0.1"}]
    assert found == {
        "traefik-public": (front, False, "br-front"),
        "cariflex-backend": (inner, True, "br-inner"),
    }


def test_no_other_network_of_ours_was_made(host):
    names = host.check_output("docker network ls --filter label=fr.cariflex.environment --format '{{.Name}}'")
    assert set(names.split()) == {"traefik-public", "cariflex-backend"}


def test_the_bridges_carry_the_gateways(host):
    addresses = host.check_output("ip -4 -o address show")
    assert "172.30.0.9/20" in addresses
    assert "10.77.0.1/24" in addresses
