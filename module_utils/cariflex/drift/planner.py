"""Pure comparison of inventory, phpIPAM, engine and host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network

from .model import Endpoint, HostFacts, Ipam, IpamRecord, Row

_NONE = "-"


def compare(
    networks: Mapping[str, Mapping[str, str]],
    containers: Mapping[str, Mapping[str, str]],
    ipam: Ipam | None,
    host: HostFacts,
) -> list[Row]:
    """Compare what the four say.

    :param networks: inventory's networks: subnet, gateway, ip_range, bridge by name.
    :param containers: inventory's container -> network -> address, "any" where phpIPAM chooses.
    :param ipam: None when the addresses are not kept in phpIPAM.
    """
    return [
        *(row for name, network in networks.items() for row in _network(name, network, ipam, host)),
        *_routes(networks, host),
        *_pools(networks, host),
        *(row for name in containers for row in _container(name, containers[name], networks, ipam, host)),
        *_unknown_endpoints(networks, containers, ipam, host),
        *_unknown_records(networks, containers, ipam),
    ]


def _network(name: str, wanted: Mapping[str, str], ipam: Ipam | None, host: HostFacts) -> Iterator[Row]:
    found = host.networks.get(name)
    route = next((r.device for r in host.routes if str(r.destination) == wanted["subnet"]), _NONE)
    here = _NONE
    faults = []
    if ipam is not None:
        absent = [n for n in (wanted["subnet"], wanted["ip_range"]) if n not in ipam.subnets]
        here = "no " + ", ".join(absent) if absent else wanted["subnet"]
        faults += ["phpIPAM lacks a subnet"] if absent else []
    if found is None:
        faults.append("the engine has no such network")
    else:
        for key in ("subnet", "gateway", "ip_range", "bridge"):
            if getattr(found, key) != wanted[key]:
                faults.append(f"engine's {key} is {getattr(found, key) or 'unset'}, not {wanted[key]}")
        if route != wanted["bridge"]:
            faults.append(f"the host routes {wanted['subnet']} through {route}")
    engine = found.subnet if found else _NONE
    yield Row(f"network {name}", wanted["subnet"], here, engine, route, "; ".join(faults) or "ok")


def _routes(networks: Mapping[str, Mapping[str, str]], host: HostFacts) -> Iterator[Row]:
    for name, wanted in networks.items():
        subnet = IPv4Network(wanted["subnet"])
        for route in host.routes:
            other = route.destination
            # A wider route, the default one above all, loses against the network's own.
            if (
                other.prefixlen >= subnet.prefixlen
                and other.overlaps(subnet)
                and route.device != wanted["bridge"]
            ):
                text = f"{other} through {route.device} takes addresses of the network away"
                yield Row(f"route {other}", f"{name} {subnet}", _NONE, _NONE, route.device, text)


def _pools(networks: Mapping[str, Mapping[str, str]], host: HostFacts) -> Iterator[Row]:
    for base in host.address_pools:
        for name, wanted in networks.items():
            if IPv4Network(base).overlaps(IPv4Network(wanted["subnet"])):
                text = "the engine may give these addresses to another network; change default-address-pools"
                yield Row(f"pool {base}", f"{name} {wanted['subnet']}", _NONE, base, _NONE, text)


def _container(
    name: str,
    places: Mapping[str, str],
    networks: Mapping[str, Mapping[str, str]],
    ipam: Ipam | None,
    host: HostFacts,
) -> Iterator[Row]:
    for network, wanted in places.items():
        endpoint = next((e for e in host.endpoints if (e.container, e.network) == (name, network)), None)
        faults = []
        if endpoint is not None and wanted not in ("any", endpoint.ip):
            faults.append(f"the container uses {endpoint.ip}")
        here = _NONE
        if ipam is not None:
            subnet = networks[network]["subnet"]
            records = [r for r in ipam.records if r.subnet == subnet and r.hostname.lower() == name.lower()]
            here = ", ".join(r.ip for r in records) or _NONE
            faults += _record_faults(wanted, endpoint, records)
        engine = endpoint.ip if endpoint else "not running"
        yield Row(f"{name} in {network}", wanted, here, engine, _NONE, "; ".join(faults) or "ok")


def _record_faults(wanted: str, endpoint: Endpoint | None, records: list[IpamRecord]) -> list[str]:
    if not records:
        return ["phpIPAM has no record of it"]
    if len(records) > 1:
        return [f"phpIPAM has {len(records)} records of it"]
    faults = []
    if wanted not in ("any", records[0].ip):
        faults.append(f"phpIPAM says {records[0].ip}")
    if endpoint and endpoint.ip != records[0].ip:
        faults.append("engine and phpIPAM differ")
    if endpoint and endpoint.mac and records[0].mac != endpoint.mac.lower():
        faults.append(f"MAC is {endpoint.mac}, phpIPAM says {records[0].mac or 'none'}")
    return faults


def _unknown_endpoints(
    networks: Mapping[str, Mapping[str, str]],
    containers: Mapping[str, Mapping[str, str]],
    ipam: Ipam | None,
    host: HostFacts,
) -> Iterator[Row]:
    """Yield our containers at fixed addresses that the table does not know."""
    for endpoint in host.endpoints:
        network = networks.get(endpoint.network)
        known = endpoint.network in containers.get(endpoint.container, {})
        if network is None or known or IPv4Address(endpoint.ip) in IPv4Network(network["ip_range"]):
            continue
        here = [r.ip for r in ipam.records if r.ip == endpoint.ip] if ipam else []
        subject = f"{endpoint.container} in {endpoint.network}"
        text = "the container is not in the allocation table"
        yield Row(subject, _NONE, ", ".join(here) or _NONE, endpoint.ip, _NONE, text)


def _unknown_records(
    networks: Mapping[str, Mapping[str, str]], containers: Mapping[str, Mapping[str, str]], ipam: Ipam | None
) -> Iterator[Row]:
    names = {network["subnet"]: name for name, network in networks.items()}
    for record in ipam.records if ipam else ():
        network = names.get(record.subnet)
        if network is None or not record.hostname or network in containers.get(record.hostname.lower(), {}):
            continue
        text = "phpIPAM has a record of ours that the allocation table does not know"
        yield Row(f"{record.hostname} in {network}", _NONE, record.ip, _NONE, _NONE, text)


def table(rows: list[Row]) -> list[str]:
    """Return the rows as lines for a terminal."""
    head = ("SUBJECT", "INVENTORY", "PHPIPAM", "ENGINE", "HOST", "VERDICT")
    cells = [head, *((r.subject, r.inventory, r.phpipam, r.engine, r.host, r.verdict) for r in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=True)), line[-1]])
        for line in cells
    ]
