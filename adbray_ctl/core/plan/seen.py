"""What was observed of one group, by host and node, with what is wrong with each."""

from __future__ import annotations

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayView
from adbray_ctl.core.observed.slots import failure
from adbray_ctl.core.observed.status import ended_nodes, living_nodes
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.placement.topology import Placement
from adbray_ctl.core.plan.changes import work_by_node
from adbray_ctl.core.slot.record import SlotKind

ASKED_FOR = "a restart was asked for"


class Seen:
    """What was observed of one group, by host and node."""

    def __init__(self, group: str, observed: Observed) -> None:
        view = observed.ray(group) or RayView(group=group)
        self.work = work_by_node(view)
        self.slots = {
            (host.host, slot.record.slot): slot
            for host in observed.hosts
            for slot in host.slots
            if slot.record.group == group
        }
        self._units = {(h.host, unit.unit): unit for h in observed.hosts for unit in h.units}
        self._alive, self._ended = living_nodes(view.nodes), ended_nodes(view.nodes)

    def unit(self, host: str, name: str) -> UnitState | None:
        return self._units.get((host, name))

    def slot(
        self, placement: Placement, unit: UnitState | None, *, asked: bool
    ) -> ObservedSlot | None:
        """The slot with all its drift; ``asked`` says that a restart of it was asked for."""
        slot = self.slots.get((placement.host, placement.slot))
        if slot is None or unit is None:
            return slot
        drift: tuple[str, ...] = ()
        if unit.runs:
            drift = ("its Ray node has ended",) if self._has_ended(placement, slot, unit) else ()
            drift += (ASKED_FOR,) if asked else ()
        elif unit.active == "failed":
            drift = (failure(unit),)
        return slot.model_copy(update={"drift": (*slot.drift, *drift)}) if drift else slot

    def _has_ended(self, placement: Placement, slot: ObservedSlot, unit: UnitState) -> bool:
        """A drained raylet ends while its unit stays up, so systemd alone cannot tell."""
        at = (placement.slot, slot.record.address)
        # Of a head its keeper takes care.
        if placement.kind is not SlotKind.WORKER or at in self._alive:
            return False
        return self._ended.get(at, 0.0) > unit.started_at > 0
