"""Keys of the tunnel: the derivation is X25519's, and what could not work is named."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from ansible.errors import AnsibleFilterError
from plugins.filter import wireguard

KEY = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
ALICE = {"name": "alice", "address": "10.98.0.2", "public_key": KEY}


def test__public_key__of_rfc_7748(monkeypatch):
    """RFC 7748, 6.1: Bob's private and public key."""
    private = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    monkeypatch.setattr(wireguard, "_key_bytes", lambda _: private)

    public = base64.b64decode(wireguard.public_key("any"))

    assert public.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"


def test__private_key__is_the_secrets_sha_256():
    assert base64.b64decode(wireguard.private_key("a secret")) == hashlib.sha256(b"a secret").digest()


def test__peers__own_key_kept_and_secrets_taken_away():
    found = wireguard.peers([ALICE, {"name": "bob", "address": "10.98.0.3", "secret": "bob's"}])

    assert found == [
        ALICE,
        {"name": "bob", "address": "10.98.0.3", "public_key": wireguard.public_key("bob's")},
    ]


def test__peers__neither_key_nor_secret():
    with pytest.raises(AnsibleFilterError, match="carol has neither public_key nor secret"):
        wireguard.peers([{"name": "carol", "address": "10.98.0.4"}])


def test__mistakes__none_in_good_settings():
    assert wireguard.mistakes([ALICE], "10.98.0.1/24") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "Alice Laptop"}, "expected a name of small letters"),
        ({"public_key": KEY[:-2] + "n="}, "expected what wg pubkey prints"),
        ({"public_key": ""}, "expected what wg pubkey prints"),
        ({"address": "10.99.0.2"}, "expected one in 10.98.0.0/24"),
        ({"address": "10.98.0.1"}, "not 10.98.0.1"),
        ({"address": "10.98.0.255"}, "expected one in 10.98.0.0/24"),
        ({"address": "10.98.0.2/32"}, "expected one in 10.98.0.0/24"),
    ],
)
def test__mistakes__each_is_named(change, told):
    (line,) = wireguard.mistakes([ALICE | change], "10.98.0.1/24")

    assert told in line


def test__mistakes__two_devices_with_one_address():
    other = {"name": "bob", "address": "10.98.0.2", "public_key": wireguard.public_key("bob's")}

    assert wireguard.mistakes([ALICE, other], "10.98.0.1/24") == [
        "wireguard_peers: address 10.98.0.2 stands twice, expected each one once."
    ]


@pytest.mark.parametrize("address", ["", "10.98.0.1", "10.98.0.1/33", "10.98.0.1/31", "fd00::1/64"])
def test__mistakes__an_address_that_is_none(address):
    (line,) = wireguard.mistakes([ALICE], address)

    assert line.startswith(f"wireguard_address is {address}")


def test__qr_svg__another_text_another_picture():
    first, second = wireguard.qr_svg("one"), wireguard.qr_svg("two")

    assert first != second
    assert re.search(r"<svg .*<path ", first, re.DOTALL)
