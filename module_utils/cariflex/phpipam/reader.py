"""Reads what a plan needs: the section, its subnets, and the records of each; one request each."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote

from ..errors import CariflexError
from .client import Client, PhpipamError
from .model import Found, FoundAddress, FoundSubnet, Wanted, parse_address, parse_subnet
from .planner import managed, twins, unlisted


def read(client: Client, wanted: Wanted) -> Found:
    """Read the section, and the records of the subnets that are managed."""
    section_id = find_section(client, wanted.section)
    if section_id is None:
        return Found()
    found = Found(section_id, read_subnets(client, section_id))
    listed = {subnet.network for subnet in managed(wanted)}
    ids = [subnet.id for subnet in found.subnets if subnet.network in listed]
    ids += [subnet.id for subnet in twins(wanted, found) if subnet.id not in ids]
    if wanted.purge:
        ids += [subnet.id for subnet in unlisted(wanted, found)]
    return replace(found, addresses={subnet_id: read_addresses(client, subnet_id) for subnet_id in ids})


def find_section(client: Client, name: str) -> int | None:
    """Return the section's id, or None when there is none of that name."""
    try:
        row = client.get(f"sections/{quote(name, safe='')}/")
    except PhpipamError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise
    if str(row["name"]).casefold() != name.casefold():
        # A name of digits is taken for an id.
        raise CariflexError(
            f"section {name}: phpIPAM answers {row['name']!r}, expected that name. Fix: rename it"
        )
    return int(row["id"])


def read_subnets(client: Client, section_id: int) -> tuple[FoundSubnet, ...]:
    """Return the section's subnets, folders left out."""
    rows = client.list(f"sections/{section_id}/subnets/")
    return tuple(subnet for subnet in map(parse_subnet, rows) if subnet is not None)


def read_addresses(client: Client, subnet_id: int) -> tuple[FoundAddress, ...]:
    """Return the records of one subnet."""
    return tuple(parse_address(row) for row in client.list(f"subnets/{subnet_id}/addresses/"))


def read_tags(client: Client) -> dict[str, int]:
    """Return the server's address tags, name in lower case to id."""
    return {str(row["type"]).lower(): int(row["id"]) for row in client.list("addresses/tags/")}
