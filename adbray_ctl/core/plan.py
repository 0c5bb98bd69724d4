"""The plan: what is to happen to each slot, and why; a pure function of desired and observed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.observed import Observed
from adbray_ctl.core.record import SlotRecord
from adbray_ctl.core.topology import Placement, Topology


class Action(StrEnum):
    """In the order of impact, the least first."""

    KEEP = "keep"
    START = "start"
    RESTART = "restart"
    DELETE = "delete"


class SlotChange(BaseModel):
    """One slot's fate; a kept slot has its reason too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slot: str
    host: str
    action: Action
    reason: str


class ChangePlan(BaseModel):
    """What one apply does to one group, in the spec's order, deletions last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    changes: tuple[SlotChange, ...]

    def count(self, action: Action) -> int:
        return sum(1 for change in self.changes if change.action is action)

    @property
    def is_empty(self) -> bool:
        """Nothing but kept slots."""
        return all(change.action is Action.KEEP for change in self.changes)


def make_plan(
    *, topology: Topology, records: Mapping[str, SlotRecord], observed: Observed
) -> ChangePlan:
    """Compare the slots that should stand (``records`` by slot) with those that do."""
    standing = {
        record.slot: (host, record)
        for host, record in observed.records()
        if record.group == topology.group
    }
    changes = [_change(p, records[p.slot], standing.get(p.slot)) for p in topology.placements]
    desired = {p.slot: p.host for p in topology.placements}
    for slot, (host, _) in sorted(standing.items()):
        if desired.get(slot) == host:
            continue
        reason = f"moves to {desired[slot]}" if slot in desired else "no longer in the spec"
        changes.append(SlotChange(slot=slot, host=host, action=Action.DELETE, reason=reason))
    return ChangePlan(group=topology.group, changes=tuple(changes))


def _change(
    placement: Placement, record: SlotRecord, standing: tuple[str, SlotRecord] | None
) -> SlotChange:
    if standing is None or standing[0] != placement.host:
        reason = "new" if placement.started else "new, prepared and not started"
        action = Action.START
    elif standing[1].revision != record.revision:
        action, reason = Action.RESTART, _difference(standing[1], record)
    else:
        action, reason = Action.KEEP, f"revision {record.revision} is applied"
    return SlotChange(slot=placement.slot, host=placement.host, action=action, reason=reason)


def _difference(old: SlotRecord, new: SlotRecord) -> str:
    before, after = old.model_dump(), new.model_dump()
    changed = [
        f"{field}: {before[field]} -> {after[field]}"
        for field in before
        if field != "revision" and before[field] != after[field]
    ]
    return "; ".join(changed) or f"revision {old.revision} -> {new.revision}"
