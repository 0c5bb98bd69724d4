"""Compares the nodes that should be there with those that are.

Pure: the same spec, topology and observation give the same plan. What a change does to a node is
decided by the settings its record was made of; ``core/spec/impact.py`` says which fields those are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from pydantic import JsonValue

from adbray_ctl.core.desired.desired import Desired
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.plan.changes import NodeChange, with_losses
from adbray_ctl.core.plan.fields import FieldChange, differences
from adbray_ctl.core.plan.hosts import HostBoot
from adbray_ctl.core.plan.reasons import Origins
from adbray_ctl.core.plan.seen import ASKED_FOR, Seen
from adbray_ctl.core.slot.disks import Backend
from adbray_ctl.core.slot.record import SlotRecord
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.spec.logs import KEPT_LOGS_DEFAULTS


class _Fate(NamedTuple):
    """What happens to a node that has a place, and why."""

    action: Impact
    reason: str
    fields: tuple[FieldChange, ...] = ()
    drift: tuple[str, ...] = ()


def node_changes(
    desired: Desired,
    observed: Observed,
    *,
    restart: Collection[str] = (),
    retired: Collection[str] = frozenset(),
    boots: Iterable[HostBoot] = (),
) -> tuple[NodeChange, ...]:
    """Compare the nodes that should stand with those that do, worst first.

    Nodes in ``restart`` that run are restarted even where nothing differs, and those on hosts that
    boot. ``retired`` are hosts that give up what stands there.
    """
    topology, aside = desired.topology, desired.aside
    seen = Seen(topology.group, observed)
    origins = Origins(topology, observed, retired)
    booting = {boot.host: boot.reason for boot in boots}
    changes = []
    for placement in topology.placements:
        record = desired.records[placement.slot]
        unit = seen.unit(placement.host, record.unit)
        slot = seen.slot(placement, unit, asked=placement.slot in restart)
        change = _change(placement, record, slot, unit, origins)
        if change.runs and placement.host in booting:
            change = _booted(change, booting[placement.host])
        elif placement.slot in aside:
            change = _set_aside(change, aside[placement.slot])
        changes.append(with_losses(change, slot, seen.work))
    changes += _departures(topology, seen, origins)
    return tuple(sorted(changes, key=lambda change: -change.action.rank))


def _departures(topology: Topology, seen: Seen, origins: Origins) -> Iterator[NodeChange]:
    """The nodes that stand where they should not."""
    goals = {p.slot: p.host for p in topology.placements}
    for (host, node), slot in sorted(seen.slots.items()):
        if goals.get(node) != host:
            unit = seen.unit(host, slot.record.unit)
            reason = origins.of_gone(node, host, goals.get(node))
            yield with_losses(_departure(host, slot, unit, reason), slot, seen.work)


def _change(
    placement: Placement,
    record: SlotRecord,
    slot: ObservedSlot | None,
    unit: UnitState | None,
    origins: Origins,
) -> NodeChange:
    fate = _made(placement, origins) if slot is None else _fate(placement, record, slot, unit)
    return NodeChange(
        node=placement.slot,
        kind=placement.kind,
        worker_group=placement.worker_group,
        host=placement.host,
        action=fate.action,
        reason=fate.reason,
        fields=fate.fields,
        drift=fate.drift,
        new=slot is None,
        runs=unit is not None and unit.runs,
    )


def _made(placement: Placement, origins: Origins) -> _Fate:
    """Of a node that its host has nothing of."""
    reason = origins.of_new(placement)
    data = placement.disk.data
    if data.backend is not Backend.LOOP:
        reason += f", disk by {data.backend}: {data.reason}"
    if placement.started:
        return _Fate(Impact.START, reason)
    return _Fate(Impact.UPDATE, f"{reason}, prepared and not started")


def _fate(
    placement: Placement, record: SlotRecord, slot: ObservedSlot, unit: UnitState | None
) -> _Fate:
    """Of a node that is there."""
    runs = unit is not None and unit.runs
    # What reaches a running head, or a host, without a restart.
    live = tuple(differences(_live_settings(slot.record), _live_settings(record)))
    if slot.record.made_of != record.made_of:
        return _remade(placement, record, slot, live, runs=runs)
    if live and not slot.drift and (runs or not placement.started):
        return _Fate(Impact.UPDATE, "; ".join(field.text for field in live), live)
    if slot.drift or (placement.started and not runs):
        return _brought_back(placement, slot, unit, live)
    return _Fate(Impact.KEEP, f"revision {record.revision} is applied")


def _remade(
    placement: Placement,
    record: SlotRecord,
    slot: ObservedSlot,
    live: tuple[FieldChange, ...],
    *,
    runs: bool,
) -> _Fate:
    """Of a node that is made of other settings."""
    changed = tuple(differences(slot.record.all_settings, record.all_settings))
    fields = (*changed, *live)
    action = _remaking(placement, runs=runs)
    reasons = [field.text for field in fields]
    same = slot.record.revision == record.revision and not slot.drift
    if runs and same and all(field.grows for field in changed):
        action = Impact.UPDATE
        reasons.append("the disk grows in use")
    reasons = reasons or [f"revision {slot.record.revision} -> {record.revision}"]
    return _Fate(action, "; ".join([*reasons, *slot.drift]), fields, slot.drift)


def _brought_back(
    placement: Placement,
    slot: ObservedSlot,
    unit: UnitState | None,
    live: tuple[FieldChange, ...],
) -> _Fate:
    """Of a node that was changed by hand, failed, or does not run though it should."""
    drift, runs = slot.drift, unit is not None and unit.runs
    stopped = unit is None or (unit.enabled and unit.active != "failed")
    if placement.started and not runs and stopped:
        drift = (*drift, "its unit is stopped")
    reason = f"drift: {'; '.join(drift)}" if drift else "min_workers asks for it"
    reason = ASKED_FOR if drift == (ASKED_FOR,) else reason
    return _Fate(_remaking(placement, runs=runs), reason, live, drift)


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
