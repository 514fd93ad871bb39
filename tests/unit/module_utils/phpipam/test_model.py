"""Normalising: wanted values get the form in which phpIPAM stores them, as its recordings show."""

import pytest
from ansible.module_utils.cariflex.phpipam.model import (
    InputError,
    normalise,
    normalise_mac,
    normalise_tag,
    normalise_text,
    parse_address,
    parse_network,
    parse_subnet,
)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ('line1\nline2 <b>&"é', 'line1\nline2 &"é'),
        ("  a <i>b</i> & c  ", "  a b & c  "),
        ("5 < 6 and 7 > 2", "5 < 6 and 7 > 2"),
        ("<x>", None),
        ("", None),
        (None, None),
    ],
)
def test__normalise_text__as_recorded(sent, stored):
    assert normalise_text(sent) == stored


@pytest.mark.parametrize("mac", ["02-00-5E-10-00-20", "0200.5E10.0020", "02005e100020", "02:00:5e:10:00:20"])
def test__normalise_mac__accepts_every_notation(mac):
    assert normalise_mac(mac) == "02:00:5e:10:00:20"


def test__normalise_mac__names_the_value():
    with pytest.raises(InputError, match="is 'zz:zz', expected 12 hexadecimal digits"):
        normalise_mac("zz:zz")


@pytest.mark.parametrize(("tag", "tag_id"), [("Reserved", 3), ("used", 2), (4, 4), ("5", 5), ("EMS", 6)])
def test__normalise_tag__by_name_or_id(tag, tag_id):
    assert normalise_tag(tag, {"ems": 6}) == tag_id


@pytest.mark.parametrize("tag", ["Nope", 0, "-1"])
def test__normalise_tag__lists_what_is_known(tag):
    with pytest.raises(InputError, match="expected an id or one of dhcp, offline, reserved, used"):
        normalise_tag(tag)


def test__normalise__refuses_unknown_fields():
    with pytest.raises(InputError, match="is 'hostnam'"):
        normalise({"hostnam": "x"})


def test__parse_network__refuses_host_bits():
    with pytest.raises(InputError, match=r"subnet: is '192\.168\.241\.5/24'"):
        parse_network("192.168.241.5/24")


ROW = {"id": 17, "subnetId": 7, "ip": "192.168.240.40", "is_gateway": 0, "tag": 3, "excludePing": 1,
       "hostname": "cf", "mac": None, "owner": None, "description": None, "note": None, "port": None,
       "lastSeen": "1970-01-01 00:00:01"}  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        {**ROW, "custom_asset": 7, "custom Rack Pos": None},
        {**ROW, "custom_fields": {"custom_asset": 7, "custom Rack Pos": None}},
        {
            **{k: str(v) if isinstance(v, int) else v for k, v in ROW.items()},
            "custom_asset": "7",
            "custom Rack Pos": "",
        },
    ],
    ids=["flat", "nested", "texts"],
)
def test__parse_address__flat_nested_and_stringified_are_the_same(row):
    address = parse_address(row)
    assert (address.id, address.subnet_id, str(address.ip)) == (17, 7, "192.168.240.40")
    assert address.values["custom_asset"] == "7"
    assert address.values["custom Rack Pos"] is None
    assert (address.values["tag"], address.values["excludePing"], address.values["is_gateway"]) == (3, 1, 0)


def test__parse_subnet__leaves_folders_out():
    assert parse_subnet({"id": "5", "isFolder": "1", "subnet": "0", "mask": ""}) is None
