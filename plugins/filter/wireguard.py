"""Keys of the administrators' tunnel, made from secrets; and a configuration as a QR code."""

from __future__ import annotations

import base64
import hashlib
import io
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import segno
from ansible.errors import AnsibleFilterError
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def private_key(secret: str) -> str:
    """Return WireGuard's private key of a secret: its SHA-256, in base64.

    So a key is a secret like any other: made, vaulted, rotated and checked by the same tools.
    """
    return base64.b64encode(_key_bytes(secret)).decode()


def public_key(secret: str) -> str:
    """Return the public key that belongs to `private_key` of the same secret, in base64."""
    public = X25519PrivateKey.from_private_bytes(_key_bytes(secret)).public_key()
    return base64.b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def peers(devices: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Give each device its public key, and take the secrets away: the host never sees them.

    :param devices: dicts with ``name``, ``address`` and ``public_key`` or ``secret``.
    :raises AnsibleFilterError: for a device that has neither key nor secret.
    """
    found = []
    for device in devices:
        name = str(device.get("name", ""))
        if not device.get("public_key") and not device.get("secret"):
            raise AnsibleFilterError(
                f"cariflex_wireguard_peers: {name or 'one without name'} has neither public_key nor secret, "
                "expected one of them: see docs/how-to/vpn.md."
            )
        key = device.get("public_key") or public_key(str(device["secret"]))
        found.append({"name": name, "address": str(device.get("address", "")), "public_key": str(key)})
    return found


def mistakes(devices: Sequence[Mapping[str, Any]], address: str) -> list[str]:
    """Return a sentence for each thing in the role's settings that could not work.

    :param devices: dicts with ``name``, ``address`` and ``public_key``.
    :param address: the host's address in the tunnel with its prefix, such as 10.98.0.1/24.
    """
    try:
        host = ipaddress.IPv4Interface(address)
    except ValueError:
        host = None
    if host is None or not 8 <= host.network.prefixlen <= 30:
        return [f"wireguard_address is {address}, expected an address and prefix such as 10.98.0.1/24."]
    found = [line for device in devices for line in _faults(device, host)]
    for key in ("name", "address", "public_key"):
        twice = [str(value) for value, count in Counter(d.get(key) for d in devices).items() if count > 1]
        found += [f"wireguard_peers: {key} {value} stands twice, expected each one once." for value in twice]
    return found


def _faults(device: Mapping[str, Any], host: ipaddress.IPv4Interface) -> Iterator[str]:
    subject = f"wireguard_peers, {device.get('name')}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", str(device.get("name", ""))):
        yield f"{subject}: expected a name of small letters, digits and _."
    # 32 bytes in base64: the last character before the = carries four bits.
    if not re.fullmatch(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", str(device.get("public_key", ""))):
        yield f"{subject}: public_key is {device.get('public_key')}, expected what wg pubkey prints."
    try:
        ip = ipaddress.IPv4Address(str(device.get("address", "")))
        edges = (host.network.network_address, host.network.broadcast_address, host.ip)
        fits = ip in host.network and ip not in edges
    except ValueError:
        fits = False
    if not fits:
        yield f"{subject}: address is {device.get('address')}, expected one in {host.network}, not {host.ip}."


def qr_svg(text: str) -> str:
    """Return ``text`` as a QR code in SVG, with the quiet zone that scanners want."""
    output = io.BytesIO()
    segno.make(text, error="m", micro=False).save(output, kind="svg", scale=6, border=4, light="white")
    return output.getvalue().decode()


def _key_bytes(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters."""
        return {
            "cariflex_wireguard_private_key": private_key,
            "cariflex_wireguard_public_key": public_key,
            "cariflex_wireguard_peers": peers,
            "cariflex_wireguard_mistakes": mistakes,
            "cariflex_qr_svg": qr_svg,
        }
