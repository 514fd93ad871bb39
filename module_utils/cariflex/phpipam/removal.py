"""Planning the removal of one address or one subnet. ``wanted`` names it as its only subnet and address."""

from __future__ import annotations

from ..errors import Conflict, ConflictError
from .model import Found, FoundAddress, Wanted
from .planner import Plan, first_of_each, is_ours
from .steps import Step


def plan_address_removal(wanted: Wanted, found: Found) -> Plan:
    """Plan the deletion of the records of the address, or of the key when no address is given."""
    subnet = wanted.subnets[0]
    address = subnet.addresses[0]
    there = first_of_each(found).get(subnet.network)
    rows = found.addresses.get(there.id, ()) if there else ()

    def meant(row: FoundAddress) -> bool:
        if address.ip is not None:
            return row.ip == address.ip
        return str(row.values.get(wanted.key_field) or "").casefold() == str(address.key).casefold()

    going = [row for row in rows if meant(row)]
    foreign = [row for row in going if row.values["owner"] != wanted.mark]
    if foreign and not wanted.adopt:
        fix = "delete it in phpIPAM, or set adopt"
        raise ConflictError(
            [
                Conflict(
                    f"address {row.ip} of {subnet.network}: owner", row.values["owner"], wanted.mark, fix
                )
                for row in foreign
            ]
        )
    return Plan(
        tuple(
            Step("address", f"{row.ip} in {subnet.network}", row.values, None, row.id, subnet.network)
            for row in going
        )
    )


def plan_subnet_removal(wanted: Wanted, found: Found, *, force: bool) -> Plan:
    """Plan the deletion of a subnet. phpIPAM deletes all that is inside with it: only with ``force``."""
    network = wanted.subnets[0].network
    subnet = first_of_each(found).get(network)
    if subnet is None:
        return Plan()
    conflicts = []
    label = f"subnet {network} in section {wanted.section}"
    if not is_ours(subnet, wanted) and not wanted.adopt:
        fix = "delete it in phpIPAM, or set adopt"
        conflicts.append(
            Conflict(f"{label}: description", subnet.values["description"], f"[{wanted.mark}]", fix)
        )
    children = [other.network for other in found.subnets if other.parent_id == subnet.id]
    rows = found.addresses.get(subnet.id, ())
    if (children or rows) and not force:
        content = f"{len(children)} subnets and {len(rows)} addresses inside"
        conflicts.append(
            Conflict(label, content, "empty", "remove them first, or set force to delete all of it")
        )
    if conflicts:
        raise ConflictError(conflicts)
    gone = {
        **subnet.values,
        "subnets": [str(child) for child in children],
        "addresses": [str(r.ip) for r in rows],
    }
    return Plan((Step("subnet", str(network), gone, None, subnet.id, network),))
