"""Pure planning: (wanted, found) -> steps in the order of application, or one error with all conflicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..change import Change
from ..errors import Conflict, ConflictError
from .addresses import plan_addresses
from .model import Found, FoundSubnet, Network, Wanted, WantedSubnet, marked, within
from .steps import Step


@dataclass(frozen=True)
class Plan:
    """``allocations`` is subnet -> key -> address, as it will be once the steps are done."""

    steps: tuple[Step, ...] = ()
    allocations: Mapping[Network, Mapping[str, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """The steps as they appear in a module's result."""
        return self.steps


def plan(wanted: Wanted, found: Found) -> Plan:
    """Plan what makes ``wanted`` true; no step when it already is.

    Only records with our mark are changed or deleted; one without it that stands in the way is a conflict,
    unless ``adopt`` allows to take over a record of the same key. Raises ConflictError with all conflicts.
    """
    conflicts = [*missing(wanted, found), *_overlaps(wanted, found)]
    steps: list[Step] = [] if conflicts else [*_section(wanted, found), *_subnets(wanted, found)]
    steps.extend(_without_twins(wanted, found, conflicts))
    known = first_of_each(found)
    networks = {*known, *(subnet.network for subnet in wanted.subnets)}
    allocations: dict[Network, Mapping[str, str]] = {}
    purged: list[Step] = []
    for subnet in wanted.subnets:
        if not subnet.manage_addresses:
            continue
        there = known.get(subnet.network)
        rows = found.addresses.get(there.id, ()) if there else ()
        planned = plan_addresses(wanted, subnet, rows, _inner(subnet.network, networks))
        conflicts.extend(planned.conflicts)
        steps.extend(planned.steps)
        purged.extend(planned.purged)
        allocations[subnet.network] = planned.allocations
    warnings: list[str] = []
    if wanted.purge:
        purged.extend(_purged_subnets(wanted, found, warnings))
        if len(purged) > wanted.max_delete:
            names = ", ".join(f"{step.kind} {step.name}" for step in purged)
            fix = f"check the wanted state, then raise max_delete if all of these may go: {names}"
            subject = f"purge of section {wanted.section}: deletions"
            conflicts.append(Conflict(subject, len(purged), f"at most {wanted.max_delete}", fix))
        steps.extend(purged)
    if conflicts:
        raise ConflictError(conflicts)
    return Plan(tuple(steps), allocations, tuple(warnings))


def _inner(network: Network, networks: set[Network]) -> tuple[Network, ...]:
    return tuple(other for other in networks if other != network and within(other, network))


def missing(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    """Yield a conflict for each subnet that has to be there and is not."""
    known = first_of_each(found)
    for subnet in wanted.subnets:
        if not subnet.manage and subnet.network not in known:
            fix = "make it with phpipam_subnet or phpipam_sync first"
            subject = f"subnet {subnet.network} in section {wanted.section}"
            yield Conflict(subject, "missing", "present", fix)


def _overlaps(wanted: Wanted, found: Found) -> Iterator[Conflict]:
    """Refuse new subnets around existing ones: the server would, and they would have to be moved."""
    existing = {subnet.network for subnet in found.subnets}
    for subnet in wanted.subnets:
        if subnet.network in existing:
            continue
        for other in existing:
            if within(other, subnet.network):
                fix = f"delete {other} or make it a subnet of {subnet.network} in phpIPAM first"
                yield Conflict(f"new subnet {subnet.network}", f"around {other}", "no subnet inside", fix)


def _without_twins(wanted: Wanted, found: Found, conflicts: list[Conflict]) -> Iterator[Step]:
    """Keep the oldest of subnets of one network; without a lock two clients can make it at once."""
    for twin in sorted(twins(wanted, found), key=lambda s: -s.network.prefixlen):
        foreign = [row for row in found.addresses.get(twin.id, ()) if row.values["owner"] != wanted.mark]
        if is_ours(twin, wanted) and not foreign:
            name = f"{twin.network} (id {twin.id})"
            yield Step("subnet", name, twin.values, None, id=twin.id, network=twin.network)
            continue
        fix = "delete all but one in phpIPAM; a section without strict mode accepts such twins"
        subject = f"subnet {twin.network} in section {wanted.section}"
        conflicts.append(Conflict(subject, f"there again with id {twin.id}", "one subnet", fix))


def first_of_each(found: Found) -> dict[Network, FoundSubnet]:
    """Return the subnet of each network, the oldest where there are several."""
    return {subnet.network: subnet for subnet in sorted(found.subnets, key=lambda s: -s.id)}


def twins(wanted: Wanted, found: Found) -> tuple[FoundSubnet, ...]:
    """Return the subnets whose network is wanted and an older one has already."""
    listed = {subnet.network for subnet in wanted.subnets}
    first = {subnet.id for subnet in first_of_each(found).values()}
    return tuple(s for s in found.subnets if s.network in listed and s.id not in first)


def _section(wanted: Wanted, found: Found) -> Iterator[Step]:
    if found.section_id is None:
        values = {"name": wanted.section, "strictMode": 1}
        if wanted.section_description:
            values["description"] = wanted.section_description
        yield Step("section", wanted.section, None, values)


def _subnets(wanted: Wanted, found: Found) -> Iterator[Step]:
    existing = first_of_each(found)
    candidates = {*existing, *(subnet.network for subnet in wanted.subnets)}
    # A parent comes before what lies in it.
    for subnet in sorted(wanted.subnets, key=lambda s: (s.network.version, s.network.prefixlen)):
        there = existing.get(subnet.network)
        if not subnet.manage:
            continue
        desired = {**subnet.values, "description": marked(subnet.values.get("description"), wanted.mark)}
        if there is None:
            outer = [n for n in candidates if n != subnet.network and within(subnet.network, n)]
            parent = max(outer, key=lambda n: n.prefixlen, default=None)
            yield Step("subnet", str(subnet.network), None, desired, network=subnet.network, parent=parent)
        elif is_ours(there, wanted) or wanted.adopt:
            current = {name: there.values.get(name) for name in desired}
            if current != desired:
                yield Step(
                    "subnet", str(subnet.network), current, desired, id=there.id, network=subnet.network
                )


def is_ours(subnet: FoundSubnet, wanted: Wanted) -> bool:
    """Whether a subnet's description ends with our mark."""
    return str(subnet.values.get("description") or "").endswith(f"[{wanted.mark}]")


def _purged_subnets(wanted: Wanted, found: Found, warnings: list[str]) -> Iterator[Step]:
    """Our subnets that nobody wants any more, inner ones first; one that holds others' records stays."""
    listed = {subnet.network for subnet in wanted.subnets}
    going: set[int] = set()
    for subnet in sorted(found.subnets, key=lambda s: -s.network.prefixlen):
        if subnet.network in listed or not is_ours(subnet, wanted):
            continue
        rows = found.addresses.get(subnet.id, ())
        children = [s for s in found.subnets if s.parent_id == subnet.id and s.id not in going]
        foreign = [row for row in rows if row.values["owner"] != wanted.mark]
        if children or foreign:
            what = f"{len(children)} subnets and {len(foreign)} addresses that are not ours"
            warnings.append(f"subnet {subnet.network} is not wanted any more but stays: it holds {what}")
            continue
        going.add(subnet.id)
        # phpIPAM deletes the records of a subnet with it: they are named, and counted.
        for row in rows:
            name = f"{row.ip} in {subnet.network}"
            yield Step("address", name, row.values, None, id=row.id, network=subnet.network)
        yield Step("subnet", str(subnet.network), subnet.values, None, id=subnet.id, network=subnet.network)


def unlisted(wanted: Wanted, found: Found) -> tuple[FoundSubnet, ...]:
    """Return our subnets that nobody wants, whose records a purge has to read."""
    listed = {subnet.network for subnet in wanted.subnets}
    return tuple(s for s in found.subnets if s.network not in listed and is_ours(s, wanted))


def managed(wanted: Wanted) -> tuple[WantedSubnet, ...]:
    """Return the subnets whose records have to be read."""
    return tuple(subnet for subnet in wanted.subnets if subnet.manage_addresses)
