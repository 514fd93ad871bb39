"""Planning inside one subnet: which record each wanted address gets, and which of ours are left over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from ..errors import Conflict
from .model import FoundAddress, Ip, Network, Values, Wanted, WantedAddress, WantedSubnet
from .steps import Step


@dataclass
class Planned:
    """The outcome for one subnet; ``purged`` are deletions that only a purge carries out."""

    steps: list[Step] = field(default_factory=list)
    purged: list[Step] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    allocations: dict[str, str] = field(default_factory=dict)


def usable(network: Network, ip: Ip) -> bool:
    """Whether phpIPAM accepts the address: inside, and not an IPv4 network or broadcast address."""
    if ip not in network:
        return False
    edges = (network.network_address, network.broadcast_address)
    return not isinstance(network, IPv4Network) or network.prefixlen >= 31 or ip not in edges


def free_addresses(subnet: WantedSubnet, taken: Iterable[Ip], inner: Sequence[Network]) -> Iterator[Ip]:
    """Yield the free addresses of the allocation range, lowest first, outside pools and inner subnets."""
    occupied = {int(ip) for ip in taken}
    closed = [n for n in (*subnet.blocked, *inner) if n.version == subnet.network.version]
    spans = sorted((int(n.network_address), int(n.broadcast_address)) for n in closed)
    kind = type(subnet.network.network_address)
    number, last = int(subnet.allocate.network_address), int(subnet.allocate.broadcast_address)
    if subnet.network.version == 6 and subnet.network.prefixlen < 127:
        # The lowest address of an IPv6 subnet is the routers' anycast address (RFC 4291, 2.6.1).
        occupied.add(int(subnet.network.network_address))
    while number <= last:
        inside = next((end for start, end in spans if start <= number <= end), None)
        if inside is not None:
            number = inside + 1
            continue
        ip = kind(number)
        if number not in occupied and usable(subnet.network, ip):
            yield ip
        number += 1


def plan_addresses(
    wanted: Wanted, subnet: WantedSubnet, rows: Sequence[FoundAddress], inner: Sequence[Network]
) -> Planned:
    """Plan the records of one subnet. ``inner`` are the subnets inside it, existing or wanted."""
    return _Subnet(wanted, subnet, rows, inner).plan()


class _Subnet:
    """The working state of one subnet's planning."""

    def __init__(
        self, wanted: Wanted, subnet: WantedSubnet, rows: Sequence[FoundAddress], inner: Sequence[Network]
    ) -> None:
        self.wanted, self.subnet, self.inner = wanted, subnet, inner
        self.rows = sorted(rows, key=lambda row: row.id)
        self.by_ip = {row.ip: row for row in reversed(self.rows)}
        self.result = Planned()
        self.assigned: dict[Ip, WantedAddress] = {}

    def plan(self) -> Planned:
        self._refuse_twins()
        for address in self.subnet.addresses:
            if address.ip is not None:
                self._check_fixed(address, address.ip)
                self.assigned[address.ip] = address
        # Those with a record keep it before the others are given what is free.
        homeless = [a for a in self.subnet.addresses if a.ip is None and not self._keeps_record(a)]
        free = free_addresses(self.subnet, {*self.by_ip, *self.assigned}, self.inner)
        for address in homeless:
            ip = next(free, None)
            if ip is None:
                fix = "widen the allocation range, or free addresses in phpIPAM"
                where = str(self.subnet.allocate)
                self._conflict(f"a free address for {address.key}", "none left", where, fix)
                break
            self.assigned[ip] = address
        creations: list[Step] = []
        for ip, address in self.assigned.items():
            step = self._step(ip, address)
            if step is not None:
                (creations if step.id is None else self.result.steps).append(step)
            if address.key is not None:
                self.result.allocations[address.key] = str(ip)
        self.result.steps.extend(creations)
        self._left_over()
        return self.result

    def _refuse_twins(self) -> None:
        keys: set[str] = set()
        ips: set[Ip] = set()
        for address in self.subnet.addresses:
            if address.ip is not None and address.ip in ips:
                fix = "give each address to one record"
                self._conflict(f"address {address.ip}", "wanted twice", "once", fix)
            if address.key is not None and address.key.casefold() in keys:
                fix = f"give each record its own {self.wanted.key_field}, or its own subnet"
                self._conflict(f"{self.wanted.key_field} {address.key}", "wanted twice", "once", fix)
            if address.ip is not None:
                ips.add(address.ip)
            if address.key is not None:
                keys.add(address.key.casefold())

    def _check_fixed(self, address: WantedAddress, ip: Ip) -> None:
        label = f"address {ip} of {address.key or address.values.get('description') or 'a reservation'}"
        if not usable(self.subnet.network, ip):
            fix = "correct the address or name the subnet that it belongs to"
            self._conflict(label, "not usable", f"a host address of {self.subnet.network}", fix)
        for pool in self.subnet.blocked:
            if ip in pool:
                fix = "choose an address outside; the pool is the engine's to give"
                self._conflict(label, f"inside the pool {pool}", "outside of it", fix)
        row = self.by_ip.get(ip)
        if row is not None and not self._may_take(row, address):
            owner = row.values["owner"] or "nobody"
            who = f"{row.values['hostname'] or 'a record without hostname'} (owner {owner})"
            fix = f"set its owner to {self.wanted.mark} in phpIPAM or adopt it, or choose another address"
            self._conflict(label, f"taken by {who}", "free or ours", fix)
        gateway = next((r for r in self.rows if r.values["is_gateway"] and r.ip != ip), None)
        if address.values.get("is_gateway") and gateway is not None and not self._is_ours(gateway):
            # phpIPAM takes the mark away from the old gateway when a new one is stored.
            fix = "correct the gateway here or in phpIPAM"
            self._conflict(f"gateway of {self.subnet.network}", str(gateway.ip), str(ip), fix)

    def _keeps_record(self, address: WantedAddress) -> bool:
        closed = (*self.subnet.blocked, *self.inner)
        same_key = [row for row in self.rows if self._key(row) == str(address.key).casefold()]
        mine = [row for row in same_key if self._is_ours(row) or self.wanted.adopt]
        for row in mine:
            open_to_us = row.ip in self.subnet.allocate and not any(row.ip in n for n in closed)
            if row.ip not in self.assigned and open_to_us:
                self.assigned[row.ip] = address
                return True
        if same_key and not mine:
            row = same_key[0]
            fix = f"set its owner to {self.wanted.mark} in phpIPAM or adopt it"
            owner = row.values["owner"] or "nobody"
            self._conflict(f"record {address.key} at {row.ip}", f"owner {owner}", self.wanted.mark, fix)
            return True
        return False

    def _step(self, ip: Ip, address: WantedAddress) -> Step | None:
        desired = {**address.values, "owner": self.wanted.mark}
        name = f"{ip} in {self.subnet.network}"
        if address.key is not None:
            name = f"{address.key} {name}"
        row = self.by_ip.get(ip)
        if row is None:
            return self._change(name, None, {"ip": str(ip), **desired}, None)
        current = {field: row.values.get(field) for field in desired}
        if current == desired:
            return None
        # phpIPAM resets a tag that a change does not carry.
        tag = {"tag": row.values["tag"]}
        return self._change(name, {**tag, **current}, {**tag, **desired}, row)

    def _left_over(self) -> None:
        keys = {str(address.key).casefold() for address in self.subnet.addresses if address.key is not None}
        for row in self.rows:
            if row.ip in self.assigned or not self._is_ours(row):
                continue
            label = self._key(row)
            name = f"{row.ip} in {self.subnet.network}"
            step = self._change(name, row.values, None, row)
            # The record of a key that has another address now goes at once: two records would be a lie.
            (self.result.steps if label in keys else self.result.purged).append(step)

    def _change(
        self, name: str, current: Values | None, desired: Values | None, row: FoundAddress | None
    ) -> Step:
        row_id = row.id if row else None
        return Step("address", name, current, desired, id=row_id, network=self.subnet.network)

    def _may_take(self, row: FoundAddress, address: WantedAddress) -> bool:
        same = self._key(row) in ("", (address.key or "").casefold())
        return self._is_ours(row) or (self.wanted.adopt and same)

    def _is_ours(self, row: FoundAddress) -> bool:
        return bool(row.values["owner"] == self.wanted.mark)

    def _key(self, row: FoundAddress) -> str:
        return str(row.values.get(self.wanted.key_field) or "").casefold()

    def _conflict(self, subject: str, value: str, expected: str, fix: str) -> None:
        self.result.conflicts.append(Conflict(subject, value, expected, fix))
