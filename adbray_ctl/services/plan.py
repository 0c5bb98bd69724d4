"""Plan: load the spec, observe the hosts, and decide what stands where; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from adbray_ctl.core.inventory import Inventory, build_inventory, slot_records
from adbray_ctl.core.observed import Observed
from adbray_ctl.core.plan import ChangePlan, make_plan
from adbray_ctl.core.spec import Fleet, RayClusterSpec
from adbray_ctl.core.topology import Topology, place
from adbray_ctl.services.observe import addresses, capacities, require_hosts
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Prepared:
    """All that one apply needs to know before it begins."""

    fleet: Fleet
    spec: RayClusterSpec
    observed: Observed
    topology: Topology
    namespace: str
    plan: ChangePlan

    @property
    def departing_hosts(self) -> tuple[str, ...]:
        """Hosts that still hold something of the group and have no slot in it any more."""
        stay = self.topology.hosts
        return tuple(h for h in self.observed.hosts_with(self.spec.name) if h not in stay)


def prepare(tools: Tools, group: str) -> Prepared:
    """Raises SpecError, PlacementError, or HostError when a host that is needed is silent."""
    fleet = tools.specs.fleet()
    spec = tools.specs.group(group, fleet)
    observed = tools.hosts.observe(fleet)
    # A silent host hides its slots: placing as if it were empty would make them twice.
    require_hosts(observed, tuple(host.name for host in fleet.hosts))
    topology = place(
        fleet=fleet,
        spec=spec,
        capacities=capacities(fleet, observed),
        records=observed.records(),
        addresses=addresses(fleet, observed),
    )
    namespace = observed.namespace(group) or f"{group}-{tools.secrets.new_id()}"
    records = slot_records(spec, topology, namespace)
    return Prepared(
        fleet=fleet,
        spec=spec,
        observed=observed,
        topology=topology,
        namespace=namespace,
        plan=make_plan(topology=topology, records=records, observed=observed),
    )


def inventory_of(tools: Tools, prepared: Prepared) -> Inventory:
    """The inventory that makes ``prepared`` real; the group's secrets are there after it."""
    return build_inventory(
        fleet=prepared.fleet,
        spec=prepared.spec,
        topology=prepared.topology,
        namespace=prepared.namespace,
        site=tools.secrets.site(prepared.spec.name),
    )
