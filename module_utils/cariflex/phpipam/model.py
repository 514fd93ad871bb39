"""What phpIPAM holds and what is wanted of it, with every value as the server itself would store it.

Values are dicts with the API's own field names: texts or None, ``tag`` an id, flags 0 or 1. phpIPAM 1.8.3
strips HTML tags and writes MAC addresses as aa:bb:cc:dd:ee:ff, so wanted values are brought into that form
before they are compared. Texts are otherwise kept, leading blanks included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any

from ..errors import CariflexError

Ip = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Values = Mapping[str, Any]

TAG_OFFLINE, TAG_USED, TAG_RESERVED, TAG_DHCP = 1, 2, 3, 4
TAGS = {"offline": TAG_OFFLINE, "used": TAG_USED, "reserved": TAG_RESERVED, "dhcp": TAG_DHCP}
TEXT_FIELDS = ("hostname", "description", "owner", "note", "port")
FLAG_FIELDS = ("is_gateway", "excludePing")
_CUSTOM = ("custom_", "custom ")
# As PHP's strip_tags: "<" before a blank is text, a tag that is never closed takes the rest along.
_HTML_TAG = re.compile(r"<(?!\s)[^>]*(?:>|$)")


class InputError(CariflexError):
    """A value that phpIPAM could not store."""


def normalise_text(value: Any) -> str | None:
    """Return the text as phpIPAM stores it; None for an empty one."""
    return None if value is None else _HTML_TAG.sub("", str(value)) or None


def normalise_mac(value: Any) -> str | None:
    """Return a MAC address as aa:bb:cc:dd:ee:ff; None for an empty one. Raises InputError."""
    if value is None or value == "":
        return None
    digits = re.sub(r"[:.-]", "", str(value)).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        raise InputError(f"MAC address: is {value!r}, expected 12 hexadecimal digits: 02:42:ac:1d:00:0a")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def normalise_tag(value: Any, tags: Mapping[str, int] | None = None) -> int:
    """Return a tag's id for its id or name; ``tags`` adds the server's own. Raises InputError."""
    known = {**TAGS, **(tags or {})}
    if str(value).isdigit() and int(value) > 0:
        return int(value)
    if str(value).lower() not in known:
        raise InputError(f"tag: is {value!r}, expected an id or one of {', '.join(sorted(known))}")
    return known[str(value).lower()]


def normalise(values: Values, tags: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Bring given values of an address into the server's form. Raises InputError."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        if name == "mac":
            result[name] = normalise_mac(value)
        elif name == "tag":
            result[name] = normalise_tag(value, tags)
        elif name in FLAG_FIELDS:
            result[name] = int(value)
        elif name == "lastSeen":
            result[name] = str(value)
        elif name in TEXT_FIELDS or name.startswith(_CUSTOM):
            result[name] = normalise_text(value)
        else:
            raise InputError(f"field of an address: is {name!r}, expected a known one or custom_...")
    return result


def parse_ip(value: Any, subject: str = "address") -> Ip:
    """Parse an address. Raises InputError that names ``subject``."""
    try:
        return ip_address(str(value))
    except ValueError as error:
        raise InputError(f"{subject}: is {value!r}, expected an IPv4 or IPv6 address") from error


def parse_network(value: Any, subject: str = "subnet") -> Network:
    """Parse a CIDR without host bits. Raises InputError that names ``subject``."""
    try:
        return ip_network(str(value))
    except ValueError as error:
        raise InputError(f"{subject}: is {value!r}, expected a network such as 192.168.240.0/24") from error


def within(inner: Network, outer: Network) -> bool:
    """Whether ``inner`` is a part of ``outer``, or the same."""
    return inner[0] in outer and inner[-1] in outer


@dataclass(frozen=True)
class FoundSubnet:
    """A subnet of the section; ``parent_id`` 0 is the section itself."""

    id: int
    network: Network
    parent_id: int
    values: Values


@dataclass(frozen=True)
class FoundAddress:
    """A record of a subnet."""

    id: int
    subnet_id: int
    ip: Ip
    values: Values


@dataclass(frozen=True)
class Found:
    """What the server holds of one section; ``addresses`` only of the subnets that were asked for."""

    section_id: int | None = None
    subnets: tuple[FoundSubnet, ...] = ()
    addresses: Mapping[int, tuple[FoundAddress, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class WantedAddress:
    """A record that shall exist. ``ip`` None: any free one; ``key`` None: only the address identifies it."""

    ip: Ip | None
    key: str | None
    values: Values


@dataclass(frozen=True)
class WantedSubnet:
    """A subnet that shall exist.

    ``allocate`` is where free addresses are taken, ``blocked`` the pools in which none is, ever.
    ``manage_addresses`` False leaves the subnet's records unread and untouched, ``manage`` False the subnet
    itself, which then has to be there.
    """

    network: Network
    values: Values
    allocate: Network
    blocked: tuple[Network, ...] = ()
    addresses: tuple[WantedAddress, ...] = ()
    manage_addresses: bool = True
    manage: bool = True


@dataclass(frozen=True)
class Wanted:
    """The wanted state of a section.

    ``mark`` says what is ours: the owner of an address, or the end of a subnet's description in brackets.
    """

    section: str
    subnets: tuple[WantedSubnet, ...]
    mark: str
    section_description: str | None = None
    key_field: str = "hostname"
    adopt: bool = False
    purge: bool = False
    max_delete: int = 10


def marked(description: str | None, mark: str) -> str:
    """Return a subnet's description with our mark at its end."""
    return f"{description} [{mark}]" if description else f"[{mark}]"


def parse_subnet(row: Mapping[str, Any]) -> FoundSubnet | None:
    """Parse a row of the API, numbers given as strings too; None for a folder, which has no network."""
    if int(row.get("isFolder") or 0):
        return None
    return FoundSubnet(
        id=int(row["id"]),
        network=ip_network(f"{row['subnet']}/{row['mask']}"),
        parent_id=int(row.get("masterSubnetId") or 0),
        values={
            "description": row.get("description") or None,
            "isFull": int(row.get("isFull") or 0),
            "state": int(row.get("tag") or TAG_USED),
        },
    )


def parse_address(row: Mapping[str, Any]) -> FoundAddress:
    """Parse a row of the API; custom fields may be flat or nested, numbers may be strings."""
    nested = row.get("custom_fields")
    flat = {**row, **(nested if isinstance(nested, Mapping) else {})}
    values: dict[str, Any] = {name: flat.get(name) or None for name in (*TEXT_FIELDS, "mac")}
    values |= {name: int(flat.get(name) or 0) for name in FLAG_FIELDS}
    values["tag"] = int(flat.get("tag") or TAG_USED)
    values["lastSeen"] = str(flat.get("lastSeen") or "")
    values |= {
        name: normalise_text(value)
        for name, value in flat.items()
        if name.startswith(_CUSTOM) and name != "custom_fields"
    }
    return FoundAddress(
        id=int(row["id"]),
        subnet_id=int(row["subnetId"]),
        ip=ip_address(str(row["ip"])),
        values=values,
    )
