"""The state of the stack in one look, and when the disk will be full."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .host import Host
from .machine import FREE_SHARE

# Bytes that one belief takes with its indexes, measured on a running system.
BELIEF_BYTES = 257
_FORMAT = "{{.Names}}|{{.State}}|{{.Status}}|{{.Image}}"
_DATABASE = """
SELECT pg_database_size('flexmeasures'),
  (SELECT count(*) FROM timed_belief WHERE event_start BETWEEN now() - interval '1 day' AND now())
"""


def containers(host: Host, environment: str, wanted: list[str]) -> list[dict[str, str]]:
    """Return name, state (healthy, running, exited, missing, ...), since and image of each container."""
    label = f"label=fr.cariflex.environment={environment}"
    rows = host.run("docker", "ps", "--all", "--filter", label, "--format", _FORMAT).splitlines()
    found = {row.split("|")[0]: row.split("|") for row in rows}
    result = []
    for name in [*wanted, *sorted(found.keys() - set(wanted))]:
        _, state, since, image = found.get(name, [name, "missing", "-", "-"])
        for health in ("unhealthy", "healthy", "health: starting"):
            if f"({health})" in since:
                state = health.removeprefix("health: ")
                break
        result.append({"name": name, "state": state, "since": since.partition(" (")[0], "image": image})
    return result


def disk(host: Host, data_root: str, backups: str) -> dict[str, Any]:
    """Return free and total bytes, growth a day, and the days until less than 15 % are free."""
    size, beliefs = (int(field) for field in host.sql("flexmeasures", _DATABASE).split("|"))
    archives = sorted(Path(backups).glob("*.tar.gz*"))
    archive = archives[-1].stat().st_size if archives else 0
    status = os.statvfs(data_root)
    free, total = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
    growth = beliefs * BELIEF_BYTES + archive
    return {
        "database_bytes": size,
        "beliefs_a_day": beliefs,
        "newest_archive": archives[-1].name if archives else "",
        "free_bytes": free,
        "total_bytes": total,
        "growth_bytes_a_day": growth,
        "days_until_low": forecast(free, total, growth),
    }


def forecast(free: int, total: int, growth_a_day: int) -> int | None:
    """Return the whole days until less than 15 % of `total` bytes are free; None when nothing grows."""
    return None if growth_a_day <= 0 else max(0, int((free - FREE_SHARE * total) / growth_a_day))


def table(states: list[dict[str, str]], room: Mapping[str, Any] | str) -> list[str]:
    """Return it for people."""
    lines = [f"{'CONTAINER':22} {'STATE':10} {'SINCE':26} IMAGE"]
    lines += [f"{row['name']:22} {row['state']:10} {row['since']:26} {row['image']}" for row in states]
    if not isinstance(room, Mapping):
        return [*lines, "", f"Disk: {room}"]
    pace = "never at this pace" if room["days_until_low"] is None else f"in {room['days_until_low']} days"
    free, total = room["free_bytes"] / 1e9, room["total_bytes"] / 1e9
    lines += [
        "",
        f"Disk: {free:.1f} of {total:.1f} GB free, below {FREE_SHARE:.0%} {pace}",
        f"Database: {room['database_bytes'] / 1e6:.0f} MB, {room['beliefs_a_day']} values in the last day",
        f"Newest archive: {room['newest_archive'] or 'none: make backup'}",
    ]
    return lines
