"""Properties: apply(plan) is what was wanted, a second plan is empty, others stay untouched."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from ansible.module_utils.cariflex.errors import ConflictError
from ansible.module_utils.cariflex.phpipam.model import (
    Found,
    FoundAddress,
    FoundSubnet,
    Wanted,
    WantedAddress,
    WantedSubnet,
    marked,
)
from ansible.module_utils.cariflex.phpipam.planner import plan
from hypothesis import assume, given
from hypothesis import strategies as st

MARK = "cariflex-test"
OUTER, INNER, POOL = ip_network("10.0.0.0/26"), ip_network("10.0.0.16/28"), ip_network("10.0.0.32/27")
BASE = {"hostname": None, "description": None, "owner": None, "note": None, "port": None, "mac": None,
        "is_gateway": 0, "excludePing": 0, "tag": 2}  # fmt: skip
KEYS = ("a", "b", "c", "d")
TEXTS = st.sampled_from([None, "x", "y"])
HOSTS = st.sampled_from([str(ip) for ip in OUTER.hosts() if ip not in INNER][:20])


@st.composite
def wanted_states(draw):
    hosts = {}
    taken = set()
    for key in draw(st.lists(st.sampled_from(KEYS), unique=True)):
        ip = draw(st.one_of(st.none(), HOSTS))
        ip = None if ip in taken else ip
        taken.add(ip)
        values = {"hostname": key, "note": draw(TEXTS)}
        if draw(st.booleans()):
            values["tag"] = draw(st.integers(1, 4))
        hosts[key] = WantedAddress(ip_address(ip) if ip else None, key, values)
    subnets = [WantedSubnet(OUTER, {"description": draw(TEXTS)}, OUTER, (), tuple(hosts.values()))]
    if draw(st.booleans()):
        pool = {"description": "pool", "isFull": 1, "state": 3}
        subnets.append(WantedSubnet(INNER, pool, INNER, manage_addresses=False))
        subnets[0] = replace(subnets[0], blocked=(INNER,))
    order = draw(st.permutations(subnets))
    switches = {"adopt": draw(st.booleans()), "purge": draw(st.booleans())}
    return Wanted("S", tuple(order), MARK, max_delete=100, **switches)


@st.composite
def found_states(draw):
    if draw(st.booleans()):
        return Found()
    owner = st.sampled_from([MARK, MARK, "others", None])
    subnets, addresses = [], {}
    if draw(st.booleans()):
        description = draw(st.sampled_from([None, "theirs", marked("x", MARK)]))
        subnets.append(FoundSubnet(1, OUTER, 0, {"description": description, "isFull": 0, "state": 2}))
        rows = []
        for number, ip in enumerate(draw(st.lists(HOSTS, unique=True, max_size=6)), 10):
            values = {**BASE, "hostname": draw(st.sampled_from([None, *KEYS, "z"])), "owner": draw(owner),
                      "tag": draw(st.integers(1, 4)), "note": draw(TEXTS)}  # fmt: skip
            rows.append(FoundAddress(number, 1, ip_address(ip), values))
        addresses[1] = tuple(rows)
        if draw(st.booleans()):
            text = marked("old pool", MARK)
            subnets.append(FoundSubnet(2, INNER, 1, {"description": text, "isFull": 1, "state": 3}))
            addresses[2] = ()
    return Found(7, tuple(subnets), addresses)


def apply(steps, found):
    """The server in memory."""
    section = found.section_id
    subnets = {s.id: s for s in found.subnets}
    rows = {row.id: row for group in found.addresses.values() for row in group}
    following = 100
    for step in steps:
        following += 1
        if step.kind == "section":
            section = 7
        elif step.kind == "subnet" and step.action == "create":
            parent = next((s.id for s in subnets.values() if s.network == step.parent), 0)
            assert step.parent is None or parent, "a parent comes first"
            values = {"isFull": 0, "state": 2, **step.desired}
            subnets[following] = FoundSubnet(following, step.network, parent, values)
        elif step.kind == "subnet" and step.action == "update":
            subnets[step.id] = replace(subnets[step.id], values={**subnets[step.id].values, **step.desired})
        elif step.kind == "subnet":
            del subnets[step.id]
        elif step.action == "create":
            subnet = next(s for s in subnets.values() if s.network == step.network)
            ip = ip_address(step.desired["ip"])
            assert (subnet.id, ip) not in {(r.subnet_id, r.ip) for r in rows.values()}, "no address twice"
            values = {**BASE, **{k: v for k, v in step.desired.items() if k != "ip"}}
            rows[following] = FoundAddress(following, subnet.id, ip, values)
        elif step.action == "update":
            sent = {**step.differing(), "tag": step.desired["tag"]}
            rows[step.id] = replace(rows[step.id], values={**rows[step.id].values, **sent})
        else:
            del rows[step.id]
    groups = {s: tuple(r for r in rows.values() if r.subnet_id == s) for s in subnets}
    return Found(section, tuple(subnets.values()), groups)


def planned(wanted, found):
    try:
        return plan(wanted, found)
    except ConflictError:
        return None


@given(wanted_states(), found_states())
def test_apply_gives_what_was_wanted(wanted, found):
    first = planned(wanted, found)
    assume(first is not None)
    after = apply(first.steps, found)
    outer = next(s for s in after.subnets if s.network == OUTER)
    rows = {row.values["hostname"]: row for row in after.addresses[outer.id] if row.values["owner"] == MARK}
    for address in next(s for s in wanted.subnets if s.network == OUTER).addresses:
        row = rows[address.key]
        assert address.ip in (None, row.ip)
        assert {k: row.values[k] for k in address.values} == address.values
        assert first.allocations[OUTER][address.key] == str(row.ip)


@given(wanted_states(), found_states())
def test_plan_after_apply_is_empty(wanted, found):
    first = planned(wanted, found)
    assume(first is not None)
    again = plan(wanted, apply(first.steps, found))
    assert again.steps == ()
    assert again.allocations == first.allocations


@given(wanted_states(), found_states())
def test_what_is_not_ours_is_never_touched(wanted, found):
    first = planned(replace(wanted, adopt=False), found)
    assume(first is not None)
    after = apply(first.steps, found)
    for group in found.addresses.values():
        for row in group:
            if row.values["owner"] != MARK:
                assert row in after.addresses[row.subnet_id]
    for subnet in found.subnets:
        if not str(subnet.values["description"]).endswith(f"[{MARK}]"):
            assert subnet in after.subnets


@given(wanted_states(), found_states())
def test_nothing_of_ours_goes_without_purge_but_second_records_of_a_key(wanted, found):
    first = planned(replace(wanted, purge=False), found)
    assume(first is not None)
    keys = {address.key for subnet in wanted.subnets for address in subnet.addresses}
    for step in first.steps:
        if step.action == "delete":
            assert step.current["hostname"] in keys


@given(wanted_states(), found_states())
def test_nothing_is_allocated_in_a_pool_or_an_inner_subnet(wanted, found):
    first = planned(wanted, found)
    assume(first is not None)
    inner = {s.network for s in (*found.subnets, *wanted.subnets)} - {OUTER}
    fixed = {str(a.ip) for s in wanted.subnets for a in s.addresses}
    for step in first.steps:
        if step.kind == "address" and step.action == "create" and step.desired["ip"] not in fixed:
            assert not any(ip_address(step.desired["ip"]) in network for network in inner)


def one(network, *, allocate=None, addresses=(), blocked=()):
    net = ip_network(network)
    subnet = WantedSubnet(
        net, {"description": None}, ip_network(allocate or network), blocked, tuple(addresses)
    )
    return Wanted("S", (subnet,), MARK)


def host(key, ip=None):
    return WantedAddress(ip_address(ip) if ip else None, key, {"hostname": key})


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("10.0.0.0/30", "10.0.0.1"),
        ("10.0.0.0/31", "10.0.0.0"),
        ("10.0.0.7/32", "10.0.0.7"),
        ("fd00::/64", "fd00::1"),
    ],
)
def test_first_free_address__by_kind_of_subnet(network, expected):
    result = plan(one(network, addresses=[host("a")]), Found())
    assert result.allocations[ip_network(network)] == {"a": expected}


def test_free_address__skips_a_large_pool_without_walking_it():
    pool = ip_network("fd00::/65")
    result = plan(one("fd00::/64", addresses=[host("a")], blocked=(pool,)), Found())
    assert result.allocations[ip_network("fd00::/64")] == {"a": "fd00::8000:0:0:0"}


@pytest.mark.parametrize(
    ("addresses", "text"),
    [
        ([host("a", "10.0.0.0")], "a host address of 10.0.0.0/30"),
        ([host("a", "10.0.0.3")], "a host address of 10.0.0.0/30"),
        ([host("a", "10.9.0.1")], "a host address of 10.0.0.0/30"),
        ([host("a"), host("A")], "hostname A: is 'wanted twice'"),
        ([host("a", "10.0.0.1"), host("b", "10.0.0.1")], "address 10.0.0.1: is 'wanted twice'"),
        ([host("a"), host("b"), host("c")], "a free address for c: is 'none left', expected '10.0.0.0/30'"),
    ],
)
def test_conflicts__name_object_value_and_remedy(addresses, text):
    with pytest.raises(ConflictError) as raised:
        plan(one("10.0.0.0/30", addresses=addresses), Found())
    assert text in str(raised.value)
    assert "Fix:" in str(raised.value)


def test_subnet_around_existing_ones__is_refused_with_the_remedy():
    found = Found(7, (FoundSubnet(1, ip_network("10.0.0.0/30"), 0, {"description": "x"}),))
    with pytest.raises(ConflictError, match=r"around 10\.0\.0\.0/30"):
        plan(one("10.0.0.0/24"), found)


def test_twin_of_ours__goes_but_not_with_foreign_records():
    values = {"description": marked(None, MARK), "isFull": 0, "state": 2}
    twins = tuple(FoundSubnet(number, OUTER, 0, values) for number in (4, 3))
    found = Found(7, twins, {3: (), 4: ()})
    (step,) = plan(one(str(OUTER)), found).steps
    assert (step.action, step.id) == ("delete", 4)
    theirs = FoundAddress(1, 4, ip_address("10.0.0.5"), BASE)
    with pytest.raises(ConflictError, match="there again with id 4"):
        plan(one(str(OUTER)), Found(7, twins, {3: (), 4: (theirs,)}))


def test_two_records_of_one_key__the_older_stays():
    ours = {**BASE, "hostname": "a", "owner": MARK}
    rows = (
        FoundAddress(9, 1, ip_address("10.0.0.4"), ours),
        FoundAddress(8, 1, ip_address("10.0.0.5"), ours),
    )
    found = Found(7, (FoundSubnet(1, OUTER, 0, {"description": marked(None, MARK)}),), {1: rows})
    result = plan(one(str(OUTER), addresses=[host("a")]), found)
    assert [(step.action, step.id) for step in result.steps] == [("delete", 9)]
    assert result.allocations[OUTER] == {"a": "10.0.0.5"}


def test_foreign_gateway__would_lose_its_mark_and_is_a_conflict():
    row = FoundAddress(1, 1, ip_address("10.0.0.5"), {**BASE, "is_gateway": 1})
    found = Found(7, (FoundSubnet(1, OUTER, 0, {"description": None}),), {1: (row,)})
    gateway = WantedAddress(ip_address("10.0.0.1"), None, {"is_gateway": 1})
    with pytest.raises(ConflictError, match=r"gateway of 10\.0\.0\.0/26: is '10\.0\.0\.5'"):
        plan(one(str(OUTER), addresses=[gateway]), found)
