"""Disk, clock and certificate."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from ..errors import ApiError
from .host import Host
from .model import Trouble

FREE_SHARE = 0.15
CERTIFICATE_DAYS = 14
_OPENSSL_TIME = "%b %d %H:%M:%S %Y %Z"


def disk(paths: list[str]) -> str | Trouble:
    """Enough is free where data grow."""
    shares = {}
    for path in paths:
        try:
            status = os.statvfs(path)
        except OSError as error:
            raise ApiError(f"{path}: {error.strerror}") from error
        shares[path] = status.f_bavail / status.f_blocks
    return judge_disk(shares)


def judge_disk(shares: dict[str, float]) -> str | Trouble:
    """Decide by the free share of each path's file system."""
    full = [f"{path} {share:.0%}" for path, share in shares.items() if share < FREE_SHARE]
    if full:
        return Trouble(
            f"free: {', '.join(full)}",
            f"below {FREE_SHARE:.0%}: PostgreSQL stops when nothing is left, backups fail before",
            "docker image prune; move backup_directory; make status tells how fast it fills",
        )
    return "free: " + ", ".join(f"{path} {share:.0%}" for path, share in shares.items())


def clock(host: Host) -> str | Trouble:
    """Ask whether the clock follows a time server: events and signatures depend on it."""
    status, output, _ = host.attempt("timedatectl", "show", "--property=NTPSynchronized", "--value")
    if status != 0:
        raise ApiError("timedatectl does not answer here (no systemd): compare `date -u` by hand")
    if output == "yes":
        return "synchronised"
    return Trouble(
        "not synchronised with a time server",
        "events begin at the wrong time; signed messages are refused once it is off by a minute",
        "apt-get install systemd-timesyncd",
        lambda: host.run("timedatectl", "set-ntp", "true"),
    )


def certificate(host: Host, address: str, name: str) -> str | Trouble:
    """Look whether the certificate that Traefik serves for `name` lasts two weeks and more."""
    served = host.run("openssl", "s_client", "-connect", f"{address}:443", "-servername", name, feed="")
    until = host.run("openssl", "x509", "-noout", "-enddate", feed=served).partition("=")[2]
    return judge_certificate(datetime.strptime(until, _OPENSSL_TIME).replace(tzinfo=UTC), datetime.now(UTC))


def judge_certificate(until: datetime, now: datetime) -> str | Trouble:
    """Decide by its last moment."""
    days = (until - now).total_seconds() / 86400
    if days >= CERTIFICATE_DAYS:
        return f"valid for {days:.0f} days"
    return Trouble(
        f"{'expired' if days < 0 else 'expires'} on {until:%Y-%m-%d %H:%M} UTC",
        "browsers and VENs refuse the connection" if days < 0 else "renewal has not worked for weeks",
        "make logs SERVICE=traefik tells why ACME failed; our own: make deploy ARGS='--tags traefik'",
    )
