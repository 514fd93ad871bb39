"""Which networks the role makes: only those that are missing or other than wanted."""

import copy
import json
from typing import Any

import pytest
from plugins.filter.networks import networks_to_make

WANTED = {
    "cariflex-backend": {
        "subnet": "192.168.241.0/24",
        "gateway": "192.168.241.1",
        "ip_range": "192.168.241.128/25",
        "bridge": "br-backend",
        "internal": True,
    }
}
# What Docker 26 answers, without what the filter does not read.
FOUND: dict[str, Any] = {
    "Name": "cariflex-backend",
    "Driver": "bridge",
    "Internal": True,
    "IPAM": {
        "Config": [
            {"Subnet": "192.168.241.0/24", "IPRange": "192.168.241.128/25", "Gateway": "192.168.241.1"}
        ]
    },
    "Options": {"com.docker.network.bridge.name": "br-backend"},
    "Labels": {"fr.cariflex.environment": "dev"},
}


def test__networks_to_make__nothing_for_a_network_as_wanted():
    assert networks_to_make(WANTED, [json.dumps(FOUND)], "dev") == []


def test__networks_to_make__a_missing_one():
    made = networks_to_make(WANTED, [], "dev")
    assert made == [{"key": "cariflex-backend", "value": WANTED["cariflex-backend"]}]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Driver", "overlay"),
        ("Internal", False),
        ("IPAM", {"Config": [{"Subnet": "192.168.241.0/24", "Gateway": "192.168.241.1"}]}),
        ("IPAM", {"Config": None}),
        ("Options", {"com.docker.network.bridge.name": "br-other"}),
        ("Options", None),
        ("Labels", {"fr.cariflex.environment": "test"}),
        ("Labels", None),
    ],
)
def test__networks_to_make__one_that_differs(key: str, value: Any):
    other = copy.deepcopy(FOUND) | {key: value}
    assert [item["key"] for item in networks_to_make(WANTED, [json.dumps(other)], "dev")] == [
        "cariflex-backend"
    ]
