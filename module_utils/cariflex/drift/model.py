"""What each of the four says about networks and addresses. Addresses and subnets are IPv4 texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..preflight.model import Route


@dataclass(frozen=True)
class NetworkFact:
    """A Docker network: ``ip_range`` is the engine's pool; a text is empty when unknown."""

    subnet: str
    gateway: str
    ip_range: str
    bridge: str


@dataclass(frozen=True)
class Endpoint:
    """A container's place in a network."""

    container: str
    network: str
    ip: str
    mac: str = ""


@dataclass(frozen=True)
class HostFacts:
    """What the engine and the kernel say; ``address_pools`` are those the engine takes subnets from."""

    networks: Mapping[str, NetworkFact] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    routes: tuple[Route, ...] = ()
    address_pools: tuple[str, ...] = ()


@dataclass(frozen=True)
class IpamRecord:
    """A record of phpIPAM with our mark."""

    subnet: str
    ip: str
    hostname: str
    mac: str


@dataclass(frozen=True)
class Ipam:
    """phpIPAM's subnets of the section, and our records in them."""

    subnets: frozenset[str]
    records: tuple[IpamRecord, ...]


@dataclass(frozen=True)
class Row:
    """One comparison; ``verdict`` is "ok" or says what differs."""

    subject: str
    inventory: str
    phpipam: str
    engine: str
    host: str
    verdict: str

    @property
    def differs(self) -> bool:
        """Whether somebody has to act."""
        return self.verdict != "ok"
