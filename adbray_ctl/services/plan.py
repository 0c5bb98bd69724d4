"""Plan: load the spec, observe the hosts, and decide what happens to each node; changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from adbray_ctl.core.desired.desired import Desired, desired_of
from adbray_ctl.core.errors import RefusedError
from adbray_ctl.core.inventory.group import build_inventory
from adbray_ctl.core.inventory.site import Inventory
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.placement.place import place
from adbray_ctl.core.placement.topology import Replacement, Topology
from adbray_ctl.core.plan.monitoring import unmonitoring
from adbray_ctl.core.plan.plan import ChangePlan, make_plan, moved_since
from adbray_ctl.core.plan.starts import choose_starts, set_aside
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.services.observe import (
    addresses,
    capacities,
    require_apart,
    require_network,
    require_seen,
    require_whole,
)
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Prepared:
    """All that one apply needs to know before it begins."""

    fleet: Fleet
    spec: RayClusterSpec
    observed: Observed
    desired: Desired
    plan: ChangePlan

    @property
    def topology(self) -> Topology:
        return self.desired.topology

    @property
    def namespace(self) -> str:
        return self.desired.namespace

    @property
    def head_host(self) -> str:
        """Where the group's head stands now, or will stand."""
        found = self.observed.head(self.spec.name)
        return found[0] if found else self.topology.head.host


def prepare(
    tools: Tools,
    group: str,
    *,
    canary: int = 0,
    namespace: str | None = None,
    restart: Collection[str] = (),
    replacing: Replacement | None = None,
    observed: Observed | None = None,
) -> Prepared:
    """Raises SpecError, PlacementError, or HostError when a host that is needed is not seen whole.

    ``namespace`` is that of a saved plan; a new group has a fresh one otherwise. ``restart`` names
    nodes to restart though nothing differs. Hosts ``observed`` just now are not asked again.
    """
    fleet = tools.specs.fleet()
    spec = tools.specs.group(group, fleet)
    observed = observed or tools.hosts.observe(fleet)
    require_apart(observed, tools.specs.where)
    namespace = observed.namespace(group) or namespace or f"{group}-{tools.secrets.new_id()}"
    desired = _desired(fleet, spec, observed, namespace, replacing)
    return Prepared(
        fleet=fleet,
        spec=spec,
        observed=observed,
        desired=desired,
        plan=make_plan(fleet, spec, desired, observed, canary, restart),
    )


def prepare_all(tools: Tools, groups: Iterable[str], *, canary: int = 0) -> tuple[Prepared, ...]:
    """Each of ``groups``, on one look at the hosts. Raises what ``prepare`` does."""
    found: list[Prepared] = []
    observed: Observed | None = None
    for group in groups:
        prepared = prepare(tools, group, canary=canary, observed=observed)
        observed = prepared.observed
        found.append(prepared)
    return tuple(found)


def _desired(
    fleet: Fleet,
    spec: RayClusterSpec,
    observed: Observed,
    namespace: str,
    replacing: Replacement | None,
) -> Desired:
    """What hosts should hold of the group; they were seen well enough to say so."""
    require_whole(observed)
    # A silent host hides its slots: placing as if it were empty would make them twice.
    require_seen(fleet, spec, observed)
    placed = place(
        fleet=fleet,
        spec=spec,
        capacities=capacities(fleet, observed),
        records=observed.records(),
        addresses=addresses(fleet, observed),
        replacing=replacing,
    )
    aside = set_aside(placed, observed)
    topology = choose_starts(placed, observed, aside)
    require_network(spec, topology, observed)
    return desired_of(fleet, spec, topology, namespace, aside)


def require_unmoved(plan: ChangePlan, prepared: Prepared) -> None:
    """Raise RefusedError, naming what moved, if ``plan`` was made for another state or spec."""
    moved = list(moved_since(plan, prepared.plan.base))
    if plan.inputs != prepared.plan.inputs:
        moved.append("the spec: fleet.yml or the group's file asks for something else now")
    if moved:
        raise RefusedError(
            "\n".join(["this plan was made for another state:", *(f"    {m}" for m in moved)]),
            where=f"group {plan.group}",
            hint="make a new plan and look at it",
        )


def inventory_of(tools: Tools, prepared: Prepared, *, at_once: bool = False) -> Inventory:
    """The inventory that makes ``prepared`` real; the group's secrets are there after it.

    One for a run ``at_once`` names the hosts on which nothing has to be removed.
    """
    group = prepared.spec.name
    return build_inventory(
        fleet=prepared.fleet,
        spec=prepared.spec,
        desired=prepared.desired,
        site=tools.secrets.site(group),
        unmonitoring=unmonitoring(prepared.desired, prepared.observed),
        fresh=prepared.observed.hosts_without(group) if at_once else (),
    )
