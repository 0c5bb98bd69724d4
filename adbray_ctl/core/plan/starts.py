"""Which workers an apply has to start: as many as min_workers lacks, whichever run already.

The autoscaler decides which workers of a group run. So a slot is not to be started because of its
number, but because fewer than min_workers of its group run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.slot.names import unit_name
from adbray_ctl.core.slot.record import SlotKind


def choose_starts(topology: Topology, observed: Observed, aside: Collection[str]) -> Topology:
    """``topology`` with ``started`` moved from stopped workers to others that run already.

    A worker set ``aside`` is not to be started, whether another can be or not.
    """
    least: dict[str | None, int] = {}
    for placement in topology.workers:
        least[placement.worker_group] = least.get(placement.worker_group, 0) + placement.started
    # By name, wherever it is: one that moves to another host goes on there.
    running = {unit.unit for host in observed.hosts for unit in host.units if unit.runs}
    order = sorted(
        topology.workers,
        key=lambda p: unit_name(p.kind, topology.group, p.slot) not in running,
    )
    started = set()
    for placement in order:
        if least[placement.worker_group] > 0 and placement.slot not in aside:
            least[placement.worker_group] -= 1
            started.add(placement.slot)
    return topology.model_copy(
        update={
            "placements": tuple(
                p.model_copy(update={"started": p.slot in started})
                if p.kind is SlotKind.WORKER
                else p
                for p in topology.placements
            )
        }
    )


def set_aside(topology: Topology, observed: Observed) -> Mapping[str, str]:
    """The workers on cards that are of no use, each with what is wrong with them."""
    found = {}
    for placement in topology.workers:
        facts = observed.host(placement.host).facts
        if placement.gpu is not None and facts is not None:
            why = facts.gpu.faults_of(placement.gpu.cards)
            if why:
                found[placement.slot] = why
    return found
