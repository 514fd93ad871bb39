"""The firewall's plan: what it opens, what it leaves alone, and that a second plan is empty."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible.module_utils.cariflex.errors import ConflictError
from ansible.module_utils.cariflex.firewall.model import Rule, parse_rules
from ansible.module_utils.cariflex.firewall.planner import DEFAULTS, Found, Plan, plan, plan_removal
from hypothesis import given
from hypothesis import strategies as st

RULES_FILE = "*filter\n:ufw-after-input - [0:0]\nCOMMIT\n"
FRESH = Found(active=False, added=(), defaults={"IPV6": "no"}, after=RULES_FILE, after6=RULES_FILE)
FOREIGN = "allow 8443/tcp comment 'the neighbour'"

names = st.text(alphabet="abc -", min_size=1, max_size=6)
networks = st.sampled_from(["any", "10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])
rules = st.builds(
    Rule,
    name=names,
    port=st.integers(1, 65535),
    proto=st.sampled_from(["tcp", "udp"]),
    source=networks,
    interface=st.sampled_from(["", "wg0"]),
    forward=st.booleans(),
) | st.builds(
    Rule,
    name=names,
    port=st.integers(1, 65535),
    proto=st.sampled_from(["tcp", "udp"]),
    published=st.just(True),
)


def carry_out(steps: Plan, found: Found) -> Found:
    """What UFW has after a plan: it keeps one rule for each command, and the comment last given."""
    kept = [line for line in found.added if line.split(" comment ")[0] not in steps.delete]
    added = {line.split(" comment ")[0]: line for line in kept}
    added.update({rule.command(): rule.line() for rule in steps.add})
    return replace(
        found,
        active=found.active or steps.activate,
        added=tuple(added.values()),
        defaults={**found.defaults, **steps.defaults},
        after=found.after if steps.after is None else steps.after,
        after6=found.after6 if steps.after6 is None else steps.after6,
    )


@given(
    st.lists(rules, max_size=6, unique_by=Rule.command), st.lists(rules, max_size=6, unique_by=Rule.command)
)
def test__plan__from_any_state_a_second_plan_is_empty(before: list[Rule], wanted: list[Rule]) -> None:
    found = carry_out(plan(before, FRESH), FRESH)

    after = carry_out(plan(wanted, found), found)

    assert plan(wanted, after).changes == ()
    assert set(after.added) == {rule.line() for rule in wanted}
    assert {key: after.defaults[key] for key in DEFAULTS} == DEFAULTS


@given(st.lists(rules, max_size=4, unique_by=Rule.command))
def test__plan__rules_without_our_mark_stay(wanted: list[Rule]) -> None:
    found = replace(FRESH, added=(FOREIGN,))

    after = carry_out(plan(wanted, found), found)
    gone = carry_out(plan_removal(after), after)

    assert FOREIGN in after.added or any(rule.command() == "allow 8443/tcp" for rule in wanted)
    assert set(gone.added) <= {FOREIGN}
    assert gone.after == RULES_FILE


def test__plan__only_published_ports_pass_docker() -> None:
    wanted = [Rule("web", 443, "tcp", published=True), Rule("vpn", 51820, "udp")]

    block = plan(wanted, FRESH).after or ""

    assert "--ctorigdstport 443 -j RETURN" in block
    assert "51820" not in block
    assert block.rstrip().endswith("# END cariflex")


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (Rule("x", 80, "tcp"), "allow 80/tcp"),
        (Rule("x", 8081, "tcp", forward=True), "route allow 8081/tcp"),
        (Rule("x", 22, "tcp", source="10.0.0.0/8"), "allow from 10.0.0.0/8 to any port 22 proto tcp"),
        (
            Rule("x", 53, "udp", "10.8.0.0/24", "wg0", "10.8.0.1"),
            "allow in on wg0 from 10.8.0.0/24 to 10.8.0.1 port 53 proto udp",
        ),
    ],
)
def test__rule__line_is_the_one_that_ufw_prints(rule: Rule, line: str) -> None:
    assert rule.line() == f"{line} comment 'cariflex: x'"


def test__parse_rules__host_bits_and_single_addresses_as_ufw_prints_them() -> None:
    raw = [
        {"name": "a", "port": "22", "proto": "tcp", "source": source}
        for source in ("10.1.2.3/8", "10.1.2.3/32")
    ]

    assert [rule.source for rule in parse_rules(raw)] == ["10.0.0.0/8", "10.1.2.3"]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"port": 80, "proto": "tcp"}, "a name without quotes"),
        ({"name": "x", "port": 0, "proto": "tcp"}, "1 to 65535"),
        ({"name": "x", "port": 80, "proto": "icmp"}, "tcp or udp"),
        ({"name": "x", "port": 80, "proto": "tcp", "source": "10.0.0.0/33"}, "a CIDR"),
        ({"name": "x", "port": 80, "proto": "tcp", "sauce": "any"}, "sauce"),
        ({"name": "x", "port": 80, "proto": "tcp", "source": "10.0.0.0/8", "published": True}, "for anybody"),
    ],
)
def test__parse_rules__a_fault_is_named_with_its_remedy(raw: dict[str, object], told: str) -> None:
    with pytest.raises(ConflictError, match="Fix: ") as caught:
        parse_rules([raw])

    assert told in str(caught.value)
