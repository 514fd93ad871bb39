"""Reads a Linux host through /proc and the filesystem. Nothing is changed and no program is run."""

from __future__ import annotations

import os
import socket
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from .model import DiskSpace, Route

_LISTEN = "0A"
_GIB = 1024**3


def parse_os_release(text: str) -> tuple[str, str]:
    """Return (ID, VERSION_ID) of /etc/os-release; an absent value is an empty string."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return values.get("ID", "").strip("\"'"), values.get("VERSION_ID", "").strip("\"'")


def parse_memory_mib(text: str) -> int:
    """Return MemTotal of /proc/meminfo in MiB, 0 when it is missing."""
    for line in text.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


def parse_routes(text: str) -> tuple[Route, ...]:
    """Parse /proc/net/route, whose addresses are little-endian hexadecimal words."""
    routes = []
    for line in text.splitlines()[1:]:
        columns = line.split()
        address = IPv4Address(socket.ntohl(int(columns[1], 16)))
        mask = IPv4Address(socket.ntohl(int(columns[7], 16)))
        routes.append(Route(IPv4Network((int(address), int(mask).bit_count()), strict=False), columns[0]))
    return tuple(routes)


def parse_listeners(text: str) -> dict[int, str]:
    """Return port -> socket inode of the listening sockets in /proc/net/tcp or tcp6."""
    found = {}
    for line in text.splitlines()[1:]:
        columns = line.split()
        if columns[3] == _LISTEN:
            found[int(columns[1].rsplit(":", 1)[1], 16)] = columns[9]
    return found


def read_listeners(ports: tuple[int, ...]) -> dict[int, str]:
    """Return those of ``ports`` that are in use, with the name and pid of the program where visible."""
    inodes: dict[int, str] = {}
    for name in ("tcp6", "tcp"):
        table = Path("/proc/net") / name
        if table.exists():
            inodes |= parse_listeners(table.read_text())
    taken = {port: inodes[port] for port in ports if port in inodes}
    owners = _socket_owners(set(taken.values())) if taken else {}
    return {port: owners.get(inode, "an unknown program") for port, inode in taken.items()}


def _socket_owners(inodes: set[str]) -> dict[str, str]:
    owners = {}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(link.readlink())
            program = (link.parent.parent / "comm").read_text().strip()
        except OSError:
            continue  # closed while we looked, or not ours to read
        inode = target.removeprefix("socket:[").removesuffix("]")
        if target.startswith("socket:[") and inode in inodes:
            owners[inode] = f"{program} (pid {link.parent.parent.name})"
    return owners


def read_disk(path: str) -> DiskSpace:
    """Free space for ordinary use where ``path`` is, or will be: its nearest existing parent counts."""
    place = Path(path)
    while not place.exists():
        place = place.parent
    usage = os.statvfs(place)
    return DiskSpace(place.stat().st_dev, usage.f_bavail * usage.f_frsize / _GIB)
