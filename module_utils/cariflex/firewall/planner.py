"""Pure: the wanted rules and the found firewall in, a list of changes out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ansible.module_utils.cariflex.change import Change
from ansible.module_utils.cariflex.firewall.model import MARK, Rule

BEGIN, END = "# BEGIN cariflex", "# END cariflex"
# Docker evaluates DOCKER-USER before its own rules, so this block decides who reaches a published port.
# DNAT: the packet was addressed to a published port of this host; packets routed straight to a
# container's own address never match. Packets that come from our bridges are Docker's own affair.
_BLOCK = """\
*filter
:ufw-user-forward - [0:0]
:{log_chain} - [0:0]
:DOCKER-USER - [0:0]
-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A DOCKER-USER -m conntrack --ctstate INVALID -j DROP
-A DOCKER-USER -i docker0 -j RETURN
-A DOCKER-USER -i docker_gwbridge -j RETURN
-A DOCKER-USER -i br-+ -j RETURN
{published}-A DOCKER-USER -j {user_forward}
-A DOCKER-USER -j {log_chain}
-A {log_chain} -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW DOCKER BLOCK] "
-A {log_chain} -j DROP
COMMIT
"""


@dataclass(frozen=True)
class Found:
    """What the host has. ``added`` are lines of ``ufw show added`` without the leading ``ufw``."""

    active: bool
    added: tuple[str, ...]
    defaults: dict[str, str]
    after: str
    after6: str


@dataclass(frozen=True)
class Plan:
    """What to do: the changes to show, and the same as commands and file contents."""

    changes: tuple[Change, ...]
    delete: tuple[str, ...] = ()
    add: tuple[Rule, ...] = ()
    defaults: dict[str, str] = field(default_factory=dict)
    after: str | None = None
    after6: str | None = None
    activate: bool = False


DEFAULTS = {
    "IPV6": "yes",
    "DEFAULT_INPUT_POLICY": '"DROP"',
    "DEFAULT_OUTPUT_POLICY": '"ACCEPT"',
    "DEFAULT_FORWARD_POLICY": '"DROP"',
}


def plan(rules: Sequence[Rule], found: Found) -> Plan:
    """Return what leads from ``found`` to ``rules``; rules without our mark stay untouched."""
    ours = [line for line in found.added if f"comment '{MARK}" in line]
    lines = {rule.line(): rule for rule in rules}
    stale = tuple(line for line in ours if line not in lines)
    missing = tuple(rule for line, rule in lines.items() if line not in ours)
    published = [(rule.port, rule.proto) for rule in rules if rule.published]
    after = with_block(found.after, block(published, "ufw-user-forward", "cariflex-deny"))
    after6 = with_block(found.after6, block(published, "ufw6-user-forward", "cariflex6-deny"))
    defaults = {key: value for key, value in DEFAULTS.items() if found.defaults.get(key) != value}
    changes = [Change("rule", line, {"present": True}, {"present": False}) for line in stale]
    changes += [Change("rule", rule.line(), None, {"present": True}) for rule in missing]
    changes += [
        Change("default", key, {"value": found.defaults.get(key)}, {"value": value})
        for key, value in defaults.items()
    ]
    for name, before, now in (("after.rules", found.after, after), ("after6.rules", found.after6, after6)):
        if before != now:
            changes.append(
                Change("file", name, {"block": block_of(before)}, {"block": block_of(now)}),
            )
    if not found.active:
        changes.append(Change("ufw", "state", {"active": False}, {"active": True}))
    return Plan(
        changes=tuple(changes),
        delete=tuple(without_comment(line) for line in stale),
        add=missing,
        defaults=defaults,
        after=after if after != found.after else None,
        after6=after6 if after6 != found.after6 else None,
        activate=not found.active,
    )


def plan_removal(found: Found) -> Plan:
    """Return what takes our rules and blocks away; UFW itself and others' rules stay as they are."""
    ours = tuple(line for line in found.added if f"comment '{MARK}" in line)
    after, after6 = with_block(found.after, ""), with_block(found.after6, "")
    changes = [Change("rule", line, {"present": True}, {"present": False}) for line in ours]
    for name, before, now in (("after.rules", found.after, after), ("after6.rules", found.after6, after6)):
        if before != now:
            changes.append(Change("file", name, {"block": block_of(before)}, {"block": ""}))
    return Plan(
        changes=tuple(changes),
        delete=tuple(without_comment(line) for line in ours),
        after=after if after != found.after else None,
        after6=after6 if after6 != found.after6 else None,
    )


def block(published: Sequence[tuple[int, str]], user_forward: str, log_chain: str) -> str:
    """Return the rules of DOCKER-USER in iptables-restore's format."""
    lines = "".join(
        f"-A DOCKER-USER -p {proto} -m conntrack --ctstate DNAT --ctorigdstport {port} -j RETURN\n"
        for port, proto in published
    )
    text = _BLOCK.format(published=lines, user_forward=user_forward, log_chain=log_chain)
    return text.replace(":ufw-user-forward", f":{user_forward}")


def with_block(text: str, content: str) -> str:
    """Return ``text`` with our block replaced, appended, or removed when ``content`` is empty."""
    kept = re.sub(rf"(?ms)^{BEGIN}$.*?^{END}\n?", "", text)
    if not content:
        return kept
    if kept and not kept.endswith("\n"):
        kept += "\n"
    return f"{kept}{BEGIN}\n{content}{END}\n"


def block_of(text: str) -> str:
    """Return our block in a rules file, empty when there is none."""
    match = re.search(rf"(?ms)^{BEGIN}\n(.*?)^{END}$", text)
    return match.group(1) if match else ""


def without_comment(line: str) -> str:
    """Return a line of ``ufw show added`` as ``ufw delete`` takes it."""
    return re.sub(r" comment '.*'$", "", line)
