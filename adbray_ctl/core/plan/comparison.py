"""Compares the nodes that should be there with those that are.

Pure: the same spec, topology and observation give the same plan. What a change does to a node is
decided by the settings its record was made of; ``core/spec/impact.py`` says which fields those are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pydantic import JsonValue

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayView
from adbray_ctl.core.observed.slots import failure
from adbray_ctl.core.observed.status import ended_nodes, living_nodes
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.plan.changes import NodeChange, with_losses, work_by_node
from adbray_ctl.core.plan.hosts import HostBoot
from adbray_ctl.core.plan.reasons import Origins
from adbray_ctl.core.plan.starts import set_aside
from adbray_ctl.core.slot.disks import Backend
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.slot.settings import FieldChange, differences, grows, in_words
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.spec.logs import KEPT_LOGS_DEFAULTS

ASKED_FOR = "a restart was asked for"


def node_changes(
    *,
    topology: Topology,
    records: Mapping[str, SlotRecord],
    observed: Observed,
    restart: Collection[str] = (),
    retired: Collection[str] = frozenset(),
    boots: Iterable[HostBoot] = (),
) -> tuple[NodeChange, ...]:
    """Compare the nodes that should stand (``records`` by node) with those that do, worst first.

    Nodes in ``restart`` that run are restarted even where nothing differs, and those on hosts that
    boot. ``retired`` are hosts that give up what stands there.
    """
    view = observed.ray(topology.group) or RayView(group=topology.group)
    work = work_by_node(view)
    standing = {
        (host.host, slot.record.slot): slot
        for host in observed.hosts
        for slot in host.slots
        if slot.record.group == topology.group
    }
    units = {(h.host, unit.unit): unit for h in observed.hosts for unit in h.units}
    alive, ended = living_nodes(view.nodes), ended_nodes(view.nodes)
    origins = Origins(topology, observed, retired)
    booting = {boot.host: boot.reason for boot in boots}
    aside = set_aside(topology, observed)
    changes: list[NodeChange] = []
    for placement in topology.placements:
        slot = standing.get((placement.host, placement.slot))
        unit = units.get((placement.host, records[placement.slot].unit))
        if slot is not None and unit is not None and unit.runs:
            # A drained raylet ends while its unit stays up, so systemd alone cannot tell.
            at = (placement.slot, slot.record.address)
            # Of a head its keeper takes care.
            left = placement.kind is SlotKind.WORKER and at not in alive
            ended_at = ended.get(at, 0.0) if left else 0.0
            drift = ("its Ray node has ended",) if ended_at > unit.started_at > 0 else ()
            if placement.slot in restart:
                drift = (*drift, ASKED_FOR)
            if drift:
                slot = slot.model_copy(update={"drift": (*slot.drift, *drift)})
        elif slot is not None and unit is not None and unit.active == "failed":
            slot = slot.model_copy(update={"drift": (*slot.drift, failure(unit))})
        change = _change(placement, records[placement.slot], slot, unit, origins)
        if change.runs and placement.host in booting:
            change = _booted(change, booting[placement.host])
        elif placement.slot in aside:
            change = _set_aside(change, aside[placement.slot])
        changes.append(with_losses(change, slot, work))
    goals = {p.slot: p.host for p in topology.placements}
    for (host, node), slot in sorted(standing.items()):
        if goals.get(node) != host:
            unit = units.get((host, slot.record.unit))
            reason = origins.of_gone(node, host, goals.get(node))
            changes.append(with_losses(_departure(host, slot, unit, reason), slot, work))
    return tuple(sorted(changes, key=lambda change: -change.action.rank))


def _change(
    placement: Placement,
    record: SlotRecord,
    slot: ObservedSlot | None,
    unit: UnitState | None,
    origins: Origins,
) -> NodeChange:
    fields: tuple[FieldChange, ...] = ()
    runs = unit is not None and unit.runs
    drift = slot.drift if slot is not None else ()
    # What reaches a running head, or a host, without a restart.
    live = _live(slot.record, record) if slot is not None else ()
    if slot is None:
        drift = ()
        action = Impact.START if placement.started else Impact.UPDATE
        reason = origins.of_new(placement)
        if placement.disk.data.backend is not Backend.LOOP:
            reason += f", disk by {placement.disk.data.backend}: {placement.disk.data.reason}"
        reason += "" if placement.started else ", prepared and not started"
    elif slot.record.made_of != record.made_of:
        changed = tuple(differences(slot.record.all_settings, record.all_settings))
        fields = (*changed, *live)
        action = _remaking(placement, runs=runs)
        reasons = [in_words(field) for field in fields]
        same = slot.record.revision == record.revision and not drift
        if runs and same and all(grows(field) for field in changed):
            action = Impact.UPDATE
            reasons.append("the disk grows in use")
        reasons = reasons or [f"revision {slot.record.revision} -> {record.revision}"]
        reason = "; ".join([*reasons, *drift])
    elif live and not drift and (runs or not placement.started):
        fields, action = live, Impact.UPDATE
        reason = "; ".join(in_words(field) for field in live)
    elif drift or (placement.started and not runs):
        fields = live
        stopped = unit is None or (unit.enabled and unit.active != "failed")
        if placement.started and not runs and stopped:
            drift = (*drift, "its unit is stopped")
        action = _remaking(placement, runs=runs)
        reason = f"drift: {'; '.join(drift)}" if drift else "min_workers asks for it"
        reason = ASKED_FOR if drift == (ASKED_FOR,) else reason
    else:
        action, reason = Impact.KEEP, f"revision {record.revision} is applied"
    return NodeChange(
        node=placement.slot,
        kind=placement.kind,
        worker_group=placement.worker_group,
        host=placement.host,
        action=action,
        reason=reason,
        fields=fields,
        drift=drift,
        new=slot is None,
        runs=runs,
    )


def _booted(change: NodeChange, why: str) -> NodeChange:
    reasons = [f"its host boots: {why}"]
    if change.action is not Impact.KEEP:
        reasons.append(change.reason)
    return change.model_copy(update={"action": Impact.RESTART, "reason": "; ".join(reasons)})


def _set_aside(change: NodeChange, why: str) -> NodeChange:
    """The gate on its host starts it no more either, until the card is well."""
    reasons = [f"set aside: {why}"]
    if change.action is not Impact.KEEP:
        reasons.append(change.reason)
    action = Impact.STOP if change.runs else change.action
    return change.model_copy(update={"action": action, "reason": "; ".join(reasons)})


def _live(old: SlotRecord, new: SlotRecord) -> tuple[FieldChange, ...]:
    return tuple(differences(_live_settings(old), _live_settings(new)))


def _live_settings(record: SlotRecord) -> dict[str, JsonValue]:
    return {**record.scaling, **KEPT_LOGS_DEFAULTS, **record.host_settings}


def _remaking(placement: Placement, *, runs: bool) -> Impact:
    """What it takes to bring a node that stands to its record."""
    if runs:
        return Impact.RESTART
    return Impact.START if placement.started else Impact.UPDATE


def _departure(host: str, slot: ObservedSlot, unit: UnitState | None, reason: str) -> NodeChange:
    """A node that should not stand where it does."""
    return NodeChange(
        node=slot.record.slot,
        kind=slot.record.kind,
        worker_group=slot.record.worker_group,
        host=host,
        action=Impact.DELETE,
        reason=reason,
        runs=unit is not None and unit.runs,
    )
