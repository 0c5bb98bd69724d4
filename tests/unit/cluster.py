"""A faithful observation of a cluster: what the hosts say after a spec was applied to them."""

from __future__ import annotations

from collections.abc import Mapping

from adbray_ctl.core.desired.desired import Desired, desired_of
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.observed.ray import RayNode, RayView
from adbray_ctl.core.observed.status import SLOT_LABEL
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.placement.place import place
from adbray_ctl.core.placement.topology import Placement, Replacement, Topology
from adbray_ctl.core.plan.plan import ChangePlan, make_plan
from adbray_ctl.core.plan.starts import choose_starts, set_aside
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec

NAMESPACE = "demo-1"
ROOM = Capacity(cpus=64, memory_mb=262144, disk_gb=9000, gpus=4)


def placed(
    fleet: Fleet,
    spec: RayClusterSpec,
    observed: Observed | None = None,
    capacities: Mapping[str, Capacity | str] | None = None,
    replacing: Replacement | None = None,
) -> Topology:
    """Where ``spec`` stands, on roomy hosts unless ``capacities`` says otherwise."""
    rooms = capacities or {host.name: ROOM for host in fleet.hosts}
    seen = observed or Observed()
    topology = place(
        fleet=fleet, spec=spec, capacities=rooms, records=seen.records(), replacing=replacing
    )
    return choose_starts(topology, seen, set_aside(topology, seen))


def desired(
    fleet: Fleet, spec: RayClusterSpec, topology: Topology, observed: Observed | None = None
) -> Desired:
    """What hosts should hold for ``spec``, placed so."""
    aside = set_aside(topology, observed or Observed())
    return desired_of(fleet, spec, topology, NAMESPACE, aside)


def planned(
    fleet: Fleet,
    spec: RayClusterSpec,
    observed: Observed | None = None,
    capacities: Mapping[str, Capacity | str] | None = None,
    replacing: Replacement | None = None,
) -> ChangePlan:
    """The plan from ``observed`` to ``spec``."""
    seen = observed or Observed()
    topology = placed(fleet, spec, seen, capacities, replacing)
    return make_plan(fleet, spec, desired(fleet, spec, topology, seen), seen)


def applied(
    fleet: Fleet, spec: RayClusterSpec, topology: Topology, *, ray: bool = True
) -> Observed:
    """The hosts after ``spec`` was applied and every started slot joined."""
    records = desired_of(fleet, spec, topology, NAMESPACE).records
    here: dict[str, list[Placement]] = {host.name: [] for host in fleet.hosts}
    for placement in topology.placements:
        here[placement.host].append(placement)
    view = RayView(group=spec.name, nodes=tuple(_node(p) for p in topology.started if _in_ray(p)))
    return Observed(
        hosts=tuple(
            HostObservation(
                host=name,
                slots=tuple(ObservedSlot(record=records[p.slot], applied_at=1.0) for p in slots),
                units=tuple(_unit(p, records[p.slot]) for p in slots),
                groups=(spec.name,) if slots else (),
                ray=(view,) if ray and name == topology.head.host else (),
            )
            for name, slots in here.items()
        )
    )


def _in_ray(placement: Placement) -> bool:
    return placement.kind is not SlotKind.REDIS


def _unit(placement: Placement, record: SlotRecord) -> UnitState:
    return UnitState(
        unit=record.unit,
        active="active" if placement.started else "inactive",
        sub="running" if placement.started else "dead",
        enabled=placement.kind is not SlotKind.WORKER,
        started_at=2.0 if placement.started else 0.0,
    )


def _node(placement: Placement) -> RayNode:
    return RayNode(
        node_id=f"id-{placement.slot}",
        address=placement.address,
        alive=True,
        is_head=placement.kind is SlotKind.HEAD,
        labels={SLOT_LABEL: placement.slot},
        started_at=3.0,
    )
