"""Pure comparison of demands with a host. Every unmet demand is found, not only the first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from .model import Demands, DiskDemand, Finding, Host


def check(demands: Demands, host: Host) -> list[Finding]:
    """Return all unmet demands, in the order an operator would mend them."""
    return [
        *_check_system(demands, host),
        *_check_memory(demands, host),
        *_check_disks(demands, host),
        *_check_ports(demands, host),
        *_check_names(demands, host),
        *_check_subnets(demands, host),
    ]


def _check_system(demands: Demands, host: Host) -> Iterator[Finding]:
    if host.uid != 0:
        yield Finding("privileges", f"uid {host.uid}", "root", "run as root, or allow this user in sudoers")
    if host.version not in demands.systems.get(host.system, ()):
        known = ", ".join(f"{name} {'/'.join(versions)}" for name, versions in demands.systems.items())
        yield Finding("operating system", f"{host.system} {host.version}", known, "use a supported release")


def _check_memory(demands: Demands, host: Host) -> Iterator[Finding]:
    if host.memory_mib < demands.memory_mib:
        yield Finding(
            "memory",
            f"{host.memory_mib} MiB",
            f"at least {demands.memory_mib} MiB",
            "give the host more memory, or lower preflight_memory_mib",
        )


def _check_disks(demands: Demands, host: Host) -> Iterator[Finding]:
    # Once our containers run, the images are there, and only their renewal needs room.
    deployed = any(o.kind == "container" and o.environment == demands.environment for o in host.objects)
    per_filesystem: defaultdict[int, list[DiskDemand]] = defaultdict(list)
    for demand in demands.disks:
        per_filesystem[host.disks[demand.path].filesystem].append(demand)
    for group in per_filesystem.values():
        needed = sum(d.later_gib if deployed else d.first_gib for d in group)
        free = host.disks[group[0].path].free_gib
        if free < needed:
            paths = " and ".join(f"{d.path} ({d.purpose})" for d in group)
            yield Finding(
                f"free disk for {paths}",
                f"{free:.1f} GiB",
                f"at least {needed:g} GiB",
                "free some space (docker image prune), or move these directories to a larger filesystem",
            )


def _check_ports(demands: Demands, host: Host) -> Iterator[Finding]:
    ours = {port for o in host.objects if o.environment == demands.environment for port in o.ports}
    for port in demands.ports:
        if port in host.listeners and port not in ours:
            yield Finding(
                f"TCP port {port}",
                f"used by {host.listeners[port]}",
                "free, or published by this environment's own traefik",
                "stop that program, or choose other ports",
            )


def _check_names(demands: Demands, host: Host) -> Iterator[Finding]:
    names = {
        "container": demands.containers,
        "network": frozenset(n.name for n in demands.networks),
        "volume": demands.volumes,
    }
    for found in host.objects:
        if found.name in names[found.kind] and found.environment != demands.environment:
            by_hand = found.environment is None and found.kind != "volume"
            yield Finding(
                f"{found.kind} {found.name}",
                f"labelled for environment {found.environment}" if found.environment else "not made by us",
                f"absent, or labelled fr.cariflex.environment={demands.environment}",
                ("take it over with its data (make adopt), or " if by_hand else "")
                + f"back it up and remove it by hand (docker {found.kind} rm {found.name})",
            )


def _check_subnets(demands: Demands, host: Host) -> Iterator[Finding]:
    own_names = {n.name for n in demands.networks}
    networks = [o for o in host.objects if o.kind == "network"]
    bridges = {o.bridge for o in networks} | {n.bridge for n in demands.networks}
    remedy = "choose another subnet in cariflex_networks, or remove the other"
    for index, wanted in enumerate(demands.networks):
        subject = f"subnet {wanted.subnet} of network {wanted.name}"
        for other in demands.networks[index + 1 :]:
            if wanted.subnet.overlaps(other.subnet):
                yield Finding(subject, f"overlapping {other.subnet} of {other.name}", "disjoint", remedy)
        for found in networks:
            # A network of our own name is judged by its label above and by the networks role.
            for subnet in found.subnets if found.name not in own_names else ():
                if wanted.subnet.overlaps(subnet):
                    yield Finding(
                        subject, f"overlapping {subnet} of Docker network {found.name}", "unused", remedy
                    )
        for route in host.routes:
            # The default route overlaps everything and conflicts with nothing; bridges were judged above.
            if (
                route.destination.prefixlen > 0
                and route.device not in bridges
                and wanted.subnet.overlaps(route.destination)
            ):
                yield Finding(
                    subject, f"overlapping the route {route.destination} on {route.device}", "unused", remedy
                )
