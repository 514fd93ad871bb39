"""Everything that phpIPAM holds as plain rows, in a fixed number of requests: for inventory and lookup."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..errors import CariflexError
from .client import Client
from .model import FoundSubnet, parse_address, parse_subnet

Row = dict[str, Any]


def read_all(client: Client, sections: Collection[str] = ()) -> dict[str, list[Row]]:
    """Return ``sections``, ``subnets`` and ``addresses`` as rows with names instead of ids.

    Four requests, five with a login, whatever the size. ``sections`` limits by name, in any case of letters;
    one that does not exist is an error, because an empty answer would look like an empty section.
    """
    rows = client.list("sections/")
    names = {int(row["id"]): str(row["name"]) for row in rows}
    wanted = {name.casefold() for name in sections}
    missing = wanted - {name.casefold() for name in names.values()}
    if missing:
        known = ", ".join(sorted(names.values()))
        raise CariflexError(f"section {', '.join(sorted(missing))}: does not exist, expected one of {known}")
    kept = {number: name for number, name in names.items() if not wanted or name.casefold() in wanted}
    subnets = _subnets(client.list("subnets/"), kept)
    tags = {int(row["id"]): str(row["type"]) for row in client.list("addresses/tags/")}
    addresses = [
        address
        for row in client.list("addresses/")
        if (place := subnets.get(int(row["subnetId"])))
        and (address := _address(row, place[0], place[1], tags))
    ]
    return {
        "sections": [{"name": name, "id": number} for number, name in sorted(kept.items())],
        "subnets": [_subnet(subnet, section) for subnet, section in subnets.values()],
        "addresses": sorted(addresses, key=lambda address: int(address["id"])),
    }


def _subnets(rows: list[Mapping[str, Any]], kept: Mapping[int, str]) -> dict[int, tuple[FoundSubnet, str]]:
    found = {}
    for row in rows:
        subnet = parse_subnet(row)
        if subnet is not None and int(row["sectionId"]) in kept:
            found[subnet.id] = (subnet, kept[int(row["sectionId"])])
    return found


def _subnet(subnet: FoundSubnet, section: str) -> Row:
    described = subnet.values["description"]
    return {"id": subnet.id, "cidr": str(subnet.network), "section": section, "description": described}


def _address(row: Mapping[str, Any], subnet: FoundSubnet, section: str, tags: Mapping[int, str]) -> Row:
    address = parse_address(row)
    values = dict(address.values)
    tag = values.pop("tag")
    return {
        "id": address.id,
        "ip": str(address.ip),
        "subnet": str(subnet.network),
        "section": section,
        "tag": tags.get(tag, str(tag)),
        "is_gateway": bool(values.pop("is_gateway")),
        "exclude_ping": bool(values.pop("excludePing")),
        "last_seen": values.pop("lastSeen"),
        **values,
    }


def matches(row: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    """Whether a row has, for each field of ``filters``, one of its values; letters' case does not matter.

    Raises CariflexError for a field that the rows do not have: it would silently match nothing.
    """
    for field, accepted in filters.items():
        if field not in row:
            raise CariflexError(f"filter {field}: no such field, expected one of {', '.join(sorted(row))}")
        values = accepted if isinstance(accepted, list) else [accepted]
        if str(row[field]).casefold() not in {str(value).casefold() for value in values}:
            return False
    return True
