"""Facts about a host and the demands made of it. Sizes are in MiB or GiB as named, subnets IPv4 CIDR."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network


@dataclass(frozen=True)
class Finding:
    """One demand that the host does not meet; ``remedy`` says what the operator can do."""

    subject: str
    value: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.subject}: is {self.value}; expected {self.expected}. Remedy: {self.remedy}"


@dataclass(frozen=True)
class EngineObject:
    """A container, network or volume; ``environment`` is None when our label is missing."""

    kind: str
    name: str
    environment: str | None
    ports: frozenset[int] = frozenset()
    subnets: tuple[IPv4Network, ...] = ()
    bridge: str = ""


@dataclass(frozen=True)
class Route:
    """A directly or indirectly reachable subnet and the interface it leaves by."""

    destination: IPv4Network
    device: str


@dataclass(frozen=True)
class DiskDemand:
    """Free space that ``path``'s filesystem must have, first deploy and later ones."""

    purpose: str
    path: str
    first_gib: float
    later_gib: float


@dataclass(frozen=True)
class DiskSpace:
    """``filesystem`` identifies the device, so that demands on the same one add up."""

    filesystem: int
    free_gib: float


@dataclass(frozen=True)
class NetworkDemand:
    """A Docker network that will be made."""

    name: str
    subnet: IPv4Network
    bridge: str


@dataclass(frozen=True)
class Demands:
    """Everything a deployment asks of the host."""

    environment: str
    systems: dict[str, tuple[str, ...]]
    memory_mib: int
    disks: tuple[DiskDemand, ...]
    ports: tuple[int, ...]
    networks: tuple[NetworkDemand, ...]
    containers: frozenset[str]
    volumes: frozenset[str]


@dataclass(frozen=True)
class Host:
    """What was found; ``listeners`` maps a TCP port in use to the program that holds it."""

    uid: int
    system: str
    version: str
    memory_mib: int
    disks: dict[str, DiskSpace] = field(default_factory=dict)
    listeners: dict[int, str] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    objects: tuple[EngineObject, ...] = ()
