"""Applies plans, and reads again until what is there is what was wanted."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from ..errors import ApiError, CariflexError
from .client import Client, LoginError, PhpipamError
from .model import Found, FoundSubnet, Network, Wanted
from .planner import Plan, plan, twins
from .reader import read, read_addresses, read_subnets
from .steps import Step

Planner = Callable[[Wanted, Found], Plan]
_ROUNDS = 25
_LONGEST_PAUSE_S = 1.0
_COLLECTIONS = {"section": "sections", "subnet": "subnets", "address": "addresses"}


@dataclass
class Outcome:
    """What was done, or in check mode would be; ``failures`` name the items that the server refused."""

    steps: list[Step] = field(default_factory=list)
    allocations: Mapping[Network, Mapping[str, str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failures: list[str] = field(default_factory=list)


def synchronise(client: Client, wanted: Wanted, *, check_mode: bool, planner: Planner = plan) -> Outcome:
    """Make the section as wanted, or do what another ``planner`` makes of it.

    Whatever other clients do meanwhile is met by reading and planning again, never by repeating a write.
    Raises CariflexError when nothing has been changed yet; later errors stand in the outcome's failures.
    """
    run = _Run(client, wanted, planner)
    try:
        run.go(check_mode=check_mode)
    except CariflexError as error:
        if not run.outcome.steps or check_mode:
            raise
        run.outcome.failures.append(str(error))
    return run.outcome


class _Run:
    """One synchronisation: what is known of the server, and what was done so far."""

    def __init__(self, client: Client, wanted: Wanted, planner: Planner) -> None:
        self._client, self._wanted, self._planner = client, wanted, planner
        self.outcome = Outcome()
        self._found = Found()
        self._obstacle = ""

    def go(self, *, check_mode: bool) -> None:
        self._found = read(self._client, self._wanted)
        planned = self._plan()
        if check_mode:
            self.outcome.steps = list(planned.steps)
            return
        for attempt in range(_ROUNDS):
            if not planned.steps:
                return
            raced = self._apply(planned)
            if self.outcome.failures:
                return
            if raced:
                # Jitter keeps clients that met once from meeting again.
                time.sleep(random.SystemRandom().uniform(0, min(_LONGEST_PAUSE_S, 0.02 * 2**attempt)))
                self._found = read(self._client, self._wanted)
            else:
                self._read_again(planned)
            previous, planned = planned, self._plan()
            if not raced and planned.steps and _same(previous, planned):
                names = ", ".join(step.name for step in planned.steps)
                raise ApiError(f"phpIPAM stored other values than it was sent: {names}; compare them there")
        obstacle = self._obstacle or "other clients keep changing it"
        section = self._wanted.section
        raise ApiError(f"section {section}: given up after {_ROUNDS} attempts: {obstacle}. Fix: run again")

    def _plan(self) -> Plan:
        planned = self._planner(self._wanted, self._found)
        self.outcome.allocations, self.outcome.warnings = planned.allocations, planned.warnings
        return planned

    def _apply(self, planned: Plan) -> bool:
        """Carry the steps out; True when the rest has to be planned anew."""
        for step in planned.steps:
            try:
                self._carry_out(step)
            except LoginError:
                raise
            except PhpipamError as error:
                if error.lost_race or (error.gone and step.action != "delete"):
                    self._obstacle = str(error)
                    return True
                if not error.gone:
                    self.outcome.failures.append(f"{step.action} {step.kind} {step.name}: {error}")
                    # Without the right to write, or without their subnet, the rest would only fail too.
                    if error.code == HTTPStatus.UNAUTHORIZED or step.kind != "address":
                        return False
                continue
            self.outcome.steps.append(step)
        return False

    def _carry_out(self, step: Step) -> None:
        collection, values = _COLLECTIONS[step.kind], step.differing()
        if step.action == "delete":
            self._client.delete(f"{collection}/{step.id}/")
        elif step.action == "update":
            # Without a tag phpIPAM would set an address's to Used.
            tag = {"tag": (step.desired or {})["tag"]} if step.kind == "address" else {}
            self._client.update(f"{collection}/{step.id}/", {**values, **tag})
        elif step.kind == "section":
            self._found = replace(self._found, section_id=self._client.create("sections/", values))
        elif step.kind == "subnet":
            self._create_subnet(step)
        else:
            self._client.create("addresses/", {"subnetId": self._subnet_id(step.network), **values})

    def _create_subnet(self, step: Step) -> None:
        network = step.network
        if network is None:
            raise ApiError(f"subnet {step.name}: the plan names no network")
        parent_id = self._subnet_id(step.parent) if step.parent else 0
        values = {
            "subnet": str(network.network_address),
            "mask": network.prefixlen,
            "sectionId": self._found.section_id,
            "masterSubnetId": parent_id,
            **step.differing(),
        }
        made = FoundSubnet(self._client.create("subnets/", values), network, parent_id, step.differing())
        self._found = replace(self._found, subnets=(*self._found.subnets, made))

    def _subnet_id(self, network: Network | None) -> int:
        return min(subnet.id for subnet in self._found.subnets if subnet.network == network)

    def _read_again(self, planned: Plan) -> None:
        """Read what the steps touched; a section's own id cannot have changed."""
        found = self._found
        if found.section_id is not None and any(step.kind == "subnet" for step in planned.steps):
            found = replace(found, subnets=read_subnets(self._client, found.section_id))
        touched = {step.network for step in planned.steps if step.kind == "address"}
        ids = {s.id for s in found.subnets if s.network in touched} | {
            s.id for s in twins(self._wanted, found)
        }
        fresh = {subnet_id: read_addresses(self._client, subnet_id) for subnet_id in ids}
        self._found = replace(found, addresses={**found.addresses, **fresh})


def _same(one: Plan, other: Plan) -> bool:
    first, second = ([(step.name, step.desired) for step in side.steps] for side in (one, other))
    return first == second
