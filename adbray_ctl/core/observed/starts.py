"""How far the starts of a group are, so that who waits for them can see whether they go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from adbray_ctl.core.observed.slots import SlotState, SlotStatus

# A slot by its name and host, and how far its start is: more is further.
Stages: TypeAlias = Mapping[tuple[str, str], int]
_STARTS, _RUNS = 0, 1


def stages(slots: Iterable[SlotStatus]) -> Stages:
    """How far each start is. One that waits for its turn goes on as those before it do."""
    found = {(slot.slot, slot.host): _stage(slot) for slot in slots}
    return {at: stage for at, stage in found.items() if stage is not None}


def furthest(before: Stages, now: Stages) -> Stages:
    """How far each ever was: a start that fails and is tried again is not further for that."""
    return {at: max(before.get(at, now[at]), now[at]) for at in now} | {
        at: stage for at, stage in before.items() if at not in now
    }


def _stage(slot: SlotStatus) -> int | None:
    """None while it does not start, or waits for something that is not its turn."""
    match slot.state:
        case SlotState.RUNNING | SlotState.STANDBY:
            return _RUNS
        case SlotState.STARTING if slot.wait is None:
            return _STARTS
        case SlotState.STARTING if slot.wait is not None and slot.wait.before is not None:
            return _STARTS - 1 - slot.wait.before
    return None
