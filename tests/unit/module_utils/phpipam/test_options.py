"""Parameters become a wanted state, or an error that names what is wrong with them."""

import pytest
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.phpipam.options import connection, needs_tags, wanted_section

BASE = {"section": "S", "owner": "o", "key": "hostname", "adopt": False, "purge": False, "max_delete": 1}


def build(**subnet):
    return wanted_section({**BASE, "subnets": [{"cidr": "10.0.0.0/24", **subnet}]})


def test__reserved_network__becomes_a_full_subnet_inside():
    pool, subnet = build(reserved=[{"range": "10.0.0.128/25", "description": "pool"}]).subnets
    assert pool.values == {"description": "pool", "isFull": 1, "state": 3}
    assert not pool.manage_addresses
    assert subnet.blocked == (pool.network,)


def test__reserved_range__becomes_reserved_records():
    (subnet,) = build(reserved=[{"range": "10.0.0.5-10.0.0.7"}]).subnets
    assert [str(a.ip) for a in subnet.addresses] == ["10.0.0.5", "10.0.0.6", "10.0.0.7"]
    assert {a.values["tag"] for a in subnet.addresses} == {3}


def test__custom_key__identifies_records():
    subnet = {"cidr": "10.0.0.0/24", "addresses": [{"custom_fields": {"asset": 7}}]}
    wanted = wanted_section({**BASE, "key": "custom_asset", "subnets": [subnet]})
    assert wanted.subnets[0].addresses[0].key == "7"


@pytest.mark.parametrize(
    ("subnet", "text"),
    [
        ({"cidr": "10.0.0.1/24"}, "subnets[].cidr: is '10.0.0.1/24'"),
        ({"gateway": "x"}, "subnet 10.0.0.0/24: gateway: is 'x'"),
        ({"allocate_from": "10.1.0.0/24"}, "allocate_from is 10.1.0.0/24, expected a network inside"),
        ({"reserved": [{"range": "10.0.0.0/24"}]}, "expected a part of the subnet"),
        ({"reserved": [{"range": "10.0.0.9-10.0.0.5"}]}, "expected first-last"),
        (
            {"reserved": [{"range": "10.0.0.0-10.0.9.255"}]},
            "expected at most 1024 records; use 10.0.0.0/21, 10.0.8.0/23",
        ),
        ({"addresses": [{"ip": "10.0.0.4"}]}, "an address has no hostname"),
        ({"addresses": [{"hostname": "a", "ip": "1.2"}]}, "subnet 10.0.0.0/24: ip of a: is '1.2'"),
        ({"addresses": [{"hostname": "a", "mac": "zz"}]}, "MAC address: is 'zz'"),
        ({"addresses": [{"hostname": "a", "tag": "Nope"}]}, "tag: is 'Nope'"),
    ],
)
def test__mistakes__are_named(subnet, text):
    with pytest.raises(CariflexError) as raised:
        build(**subnet)
    assert text in str(raised.value)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "url: is empty, expected a value: set it or PHPIPAM_URL"),
        ({"url": "https://x"}, "app_id: is empty"),
        ({"url": "https://x", "app_id": "a", "username": "u"}, "expected app_code, or username and password"),
    ],
)
def test__connection__names_what_is_missing(params, text):
    with pytest.raises(CariflexError, match=text):
        connection(params)


def test__needs_tags__only_for_the_servers_own():
    assert not needs_tags([{"tag": "Reserved"}, {"tag": "7"}, {"tag": None}, {}])
    assert needs_tags([{"tag": "EMS"}])
