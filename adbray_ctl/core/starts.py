"""Which workers an apply has to start: as many as min_workers lacks, whichever run already.

The autoscaler decides which workers of a group run. So a slot is not to be started because of its
number, but because fewer than min_workers of its group run.
"""

from __future__ import annotations

from adbray_ctl.core.observed import Observed
from adbray_ctl.core.record import SlotKind
from adbray_ctl.core.slots import unit_name
from adbray_ctl.core.topology import Placement, Topology


def settled(topology: Topology, observed: Observed) -> Topology:
    """``topology`` with ``started`` moved from stopped workers to others that run already."""
    least: dict[str | None, int] = {}
    for placement in topology.workers:
        least[placement.worker_group] = least.get(placement.worker_group, 0) + placement.started
    order = sorted(topology.workers, key=lambda p: not _runs(topology.group, p, observed))
    started = set()
    for placement in order:
        if least[placement.worker_group] > 0:
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


def _runs(group: str, placement: Placement, observed: Observed) -> bool:
    unit = observed.host(placement.host).unit(unit_name(placement.kind, group, placement.slot))
    return unit is not None and unit.runs
