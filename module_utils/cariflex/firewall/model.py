"""What the firewall shall let in: rules as data, and as the lines in which UFW writes them down."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.cariflex.errors import Conflict, ConflictError

# Our rules are told from the operator's by the comment that UFW keeps with each.
MARK = "cariflex: "
PROTOCOLS = ("tcp", "udp")
KEYS = frozenset({"name", "port", "proto", "source", "interface", "destination", "forward", "published"})


@dataclass(frozen=True)
class Rule:
    """One opening.

    ``source`` and ``destination`` are CIDRs or ``any``; ``interface`` is the incoming one or empty;
    ``forward`` rules concern traffic through the host (``ufw route``), the others traffic to it.
    ``published``: a container publishes the port, for anybody.
    """

    name: str
    port: int
    proto: str
    source: str = "any"
    interface: str = ""
    destination: str = "any"
    forward: bool = False
    published: bool = False

    def line(self) -> str:
        """Return the rule as ``ufw show added`` prints it, without the leading ``ufw``."""
        return f"{self.command()} comment '{MARK}{self.name}'"

    def command(self) -> str:
        """Return the rule without its comment: what ``ufw delete`` takes."""
        words = ["route", "allow"] if self.forward else ["allow"]
        if not self.interface and self.source == self.destination == "any":
            return " ".join([*words, f"{self.port}/{self.proto}"])
        if self.interface:
            words += ["in", "on", self.interface]
        if self.source != "any":
            words += ["from", self.source]
        words += ["to", self.destination, "port", str(self.port)]
        return " ".join([*words, "proto", self.proto])


def parse_rules(raw_rules: list[Mapping[str, Any]]) -> list[Rule]:
    """Read rules as an inventory writes them; ConflictError names every fault."""
    rules: list[Rule] = []
    conflicts: list[Conflict] = []
    for number, raw in enumerate(raw_rules):
        subject = f"firewall rule {raw.get('name') or number}"
        found = _faults(subject, raw)
        conflicts += found
        if not found:
            rules.append(
                Rule(
                    name=str(raw["name"]),
                    port=int(raw["port"]),
                    proto=str(raw["proto"]),
                    source=_network(raw.get("source", "any")),
                    interface=str(raw.get("interface", "")),
                    destination=_network(raw.get("destination", "any")),
                    forward=bool(raw.get("forward", False)),
                    published=bool(raw.get("published", False)),
                )
            )
    if conflicts:
        raise ConflictError(conflicts)
    return rules


def _faults(subject: str, raw: Mapping[str, Any]) -> list[Conflict]:
    fix = "correct the rule in the inventory"
    faults: list[Conflict] = []
    unknown = sorted(set(raw) - KEYS)
    if unknown:
        faults.append(Conflict(subject, unknown, f"only the keys {sorted(KEYS)}", fix))
    name = str(raw.get("name", ""))
    if not name or set("'\"\n") & set(name):
        faults.append(Conflict(subject, name, "a name without quotes", fix))
    try:
        port_fits = 1 <= int(raw.get("port", 0)) <= 65535
    except (TypeError, ValueError):
        port_fits = False
    if not port_fits:
        faults.append(Conflict(f"{subject}, port", raw.get("port"), "1 to 65535", fix))
    if raw.get("proto") not in PROTOCOLS:
        faults.append(Conflict(f"{subject}, proto", raw.get("proto"), "tcp or udp", fix))
    if raw.get("published") and (raw.get("source") or raw.get("interface") or raw.get("forward")):
        faults.append(
            Conflict(subject, dict(raw), "a published rule is for anybody", "make it a forward rule")
        )
    for end in ("source", "destination"):
        try:
            _network(raw.get(end, "any"))
        except ValueError:
            faults.append(Conflict(f"{subject}, {end}", raw.get(end), "any, an address or a CIDR", fix))
    return faults


def _network(value: Any) -> str:
    """Return a network as UFW prints it: ``any``, an address, or a CIDR with its host bits cleared."""
    if value in ("", "any", None):
        return "any"
    network = ipaddress.ip_network(str(value), strict=False)
    return str(network.network_address) if network.num_addresses == 1 else str(network)
