"""Options that the modules and plugins share, and the wanted state that their parameters describe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import summarize_address_range
from typing import Any

from ..errors import CariflexError
from .client import Connection
from .model import (
    TAG_RESERVED,
    TAGS,
    InputError,
    Ip,
    Network,
    Wanted,
    WantedAddress,
    WantedSubnet,
    normalise,
    normalise_text,
    parse_ip,
    parse_network,
    within,
)

LARGEST_RANGE = 1024
# name -> (environment variable, further argument_spec)
CONNECTION: dict[str, tuple[str, dict[str, Any]]] = {
    "url": ("PHPIPAM_URL", {"type": "str"}),
    "app_id": ("PHPIPAM_APP_ID", {"type": "str"}),
    "app_code": ("PHPIPAM_APP_CODE", {"type": "str", "no_log": True}),
    "username": ("PHPIPAM_USERNAME", {"type": "str"}),
    "password": ("PHPIPAM_PASSWORD", {"type": "str", "no_log": True}),
    "validate_certs": ("PHPIPAM_VALIDATE_CERTS", {"type": "bool", "default": True}),
    "ca_path": ("PHPIPAM_CA_PATH", {"type": "path"}),
    "timeout_s": ("PHPIPAM_TIMEOUT_S", {"type": "float", "default": 10.0}),
}
# module option -> the API's field
FIELDS = {
    "hostname": "hostname",
    "description": "description",
    "mac": "mac",
    "note": "note",
    "port": "port",
    "tag": "tag",
    "exclude_ping": "excludePing",
    "last_seen": "lastSeen",
}
ADDRESS_OPTIONS: dict[str, Any] = {
    "hostname": {"type": "str"},
    "description": {"type": "str"},
    "mac": {"type": "str"},
    "note": {"type": "str"},
    "port": {"type": "str"},
    "tag": {"type": "str"},
    "exclude_ping": {"type": "bool"},
    "last_seen": {"type": "str"},
    "custom_fields": {"type": "dict", "default": {}},
}


def connection_spec(env_fallback: Any) -> dict[str, dict[str, Any]]:
    """Return the argument_spec of the connection; ``env_fallback`` is Ansible's function of that name."""
    return {
        name: {**spec, "fallback": (env_fallback, [variable])}
        for name, (variable, spec) in CONNECTION.items()
    }


def connection(params: Mapping[str, Any]) -> Connection:
    """Return where to connect and as whom. Raises CariflexError that names what is missing."""
    for name in ("url", "app_id"):
        if not params.get(name):
            raise CariflexError(f"{name}: is empty, expected a value: set it or {CONNECTION[name][0]}")
    if not params.get("app_code") and not (params.get("username") and params.get("password")):
        expected = "app_code, or username and password"
        raise CariflexError(f"credentials: are missing, expected {expected}: set them or PHPIPAM_APP_CODE")
    given = {name: params[name] for name in CONNECTION if params.get(name) is not None}
    return Connection(**given)


def needs_tags(addresses: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an address names a tag that is not one of phpIPAM's own four."""
    given = {str(address["tag"]).lower() for address in addresses if address.get("tag")}
    return any(not tag.isdigit() and tag not in TAGS for tag in given)


def address_values(params: Mapping[str, Any], tags: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Return the values of an address that its options manage, as phpIPAM stores them. Raises InputError."""
    values = {api: params[option] for option, api in FIELDS.items() if params.get(option) is not None}
    for name, value in (params.get("custom_fields") or {}).items():
        values[name if name.startswith(("custom_", "custom ")) else f"custom_{name}"] = value
    return normalise(values, tags)


def wanted_section(params: Mapping[str, Any], tags: Mapping[str, int] | None = None) -> Wanted:
    """Build the wanted state of ``phpipam_sync``'s parameters. Raises InputError."""
    key_field = params["key"]
    subnets: list[WantedSubnet] = []
    for subnet in params["subnets"]:
        subnets.extend(_subnets(subnet, key_field, tags))
    return Wanted(
        section=params["section"],
        section_description=params.get("section_description"),
        subnets=tuple(subnets),
        mark=params["owner"],
        key_field=key_field,
        adopt=params["adopt"],
        purge=params["purge"],
        max_delete=params["max_delete"],
    )


def wanted_address(params: Mapping[str, Any], tags: Mapping[str, int] | None = None) -> Wanted:
    """Build the wanted state of ``phpipam_address``'s parameters. Raises InputError."""
    network = parse_network(params["subnet"])
    allocate = parse_network(params.get("allocate_from") or str(network), "allocate_from")
    fixed = parse_ip(params["ip"], "ip") if params.get("ip") else None
    values = address_values(params, tags)
    address = WantedAddress(fixed, values.get("hostname"), values)
    subnet = WantedSubnet(network, {}, allocate, addresses=(address,), manage=False)
    return Wanted(params["section"], (subnet,), params["owner"], adopt=params["adopt"])


def wanted_subnet(params: Mapping[str, Any]) -> Wanted:
    """Build the wanted state of ``phpipam_subnet``'s parameters. Raises InputError."""
    network = parse_network(params["cidr"], "cidr")
    values = {"description": normalise_text(params.get("description"))}
    # Its records are read only to tell whether it is empty.
    subnet = WantedSubnet(network, values, network, manage_addresses=params["state"] == "absent")
    return Wanted(params["section"], (subnet,), params["owner"], adopt=params["adopt"])


def _subnets(
    subnet: Mapping[str, Any], key_field: str, tags: Mapping[str, int] | None
) -> Iterator[WantedSubnet]:
    """Yield the subnet, and one inside it for each pool: 32,768 records of a pool would help nobody."""
    network = parse_network(subnet["cidr"], "subnets[].cidr")
    label = f"subnet {network}"
    allocate = parse_network(subnet.get("allocate_from") or str(network), f"{label}: allocate_from")
    pools: list[Network] = []
    addresses: list[WantedAddress] = []
    if subnet.get("gateway"):
        values = {"description": "Gateway", "is_gateway": 1}
        addresses.append(WantedAddress(parse_ip(subnet["gateway"], f"{label}: gateway"), None, values))
    for item in subnet.get("reserved") or []:
        text = normalise_text(item.get("description")) or "Reserved"
        if "/" in item["range"]:
            pools.append(parse_network(item["range"], f"{label}: reserved range"))
            yield _pool(pools[-1], network, text)
        else:
            values = {"description": text, "tag": TAG_RESERVED}
            for ip in _range(item["range"], label):
                addresses.append(WantedAddress(ip, None, values))
    if not within(allocate, network):
        raise InputError(f"{label}: allocate_from is {allocate}, expected a network inside the subnet")
    addresses.extend(_address(item, key_field, label, tags) for item in subnet.get("addresses") or [])
    yield WantedSubnet(
        network=network,
        values={"description": normalise_text(subnet.get("description"))},
        allocate=allocate,
        blocked=tuple(pools),
        addresses=tuple(addresses),
    )


def _pool(pool: Network, network: Network, text: str) -> WantedSubnet:
    if not within(pool, network) or pool == network:
        raise InputError(f"subnet {network}: reserved range is {pool}, expected a part of the subnet")
    # Marked full, so that phpIPAM itself never gives an address of it away.
    values = {"description": text, "isFull": 1, "state": TAG_RESERVED}
    return WantedSubnet(pool, values, allocate=pool, manage_addresses=False)


def _range(text: str, label: str) -> Iterator[Ip]:
    first_text, _, last_text = text.partition("-")
    first = parse_ip(first_text.strip(), f"{label}: start of reserved range")
    last = parse_ip(last_text.strip() or first_text.strip(), f"{label}: end of reserved range")
    if type(first) is not type(last) or int(last) < int(first):
        raise InputError(f"{label}: reserved range is {text!r}, expected first-last, both of one family")
    if int(last) - int(first) >= LARGEST_RANGE:
        blocks = ", ".join(str(block) for block in summarize_address_range(first, last))
        raise InputError(
            f"{label}: reserved range is {text!r}, expected at most {LARGEST_RANGE} records; use {blocks}"
        )
    for number in range(int(first), int(last) + 1):
        yield type(first)(number)


def _address(
    item: Mapping[str, Any], key_field: str, label: str, tags: Mapping[str, int] | None
) -> WantedAddress:
    values = address_values(item, tags)
    key = values.get(key_field)
    if key is None:
        raise InputError(f"{label}: an address has no {key_field}, expected one: it identifies the record")
    fixed = parse_ip(item["ip"], f"{label}: ip of {key}") if item.get("ip") else None
    return WantedAddress(fixed, str(key), values)
