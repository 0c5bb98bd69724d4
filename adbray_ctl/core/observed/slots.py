"""What state a slot is in and why, and what of a group should run and does not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.observed.units import KeeperState, KeeperView, UnitState, Wait
from adbray_ctl.core.slot.record import SlotKind, SlotRecord

# systemd's words for how a unit ended (systemd.exec(5)), in ours.
_RESULTS = {
    "exit-code": "a process of it ended with an error",
    "signal": "a process of it was killed by a signal",
    "core-dump": "a process of it crashed",
    "timeout": "its start or stop took too long",
    "oom-kill": "it ran out of memory",
    "watchdog": "it gave no sign of life",
    "resources": "systemd could not prepare its environment",
    "start-limit-hit": "it was started too often",
    "exec-condition": "a condition of its start does not hold",
    "protocol": "it never told systemd that it had started",
}
# Of the head's record, as core/desired/autoscaler.py writes it.
_LEAST = re.compile(r"worker_groups\.(?P<group>[^.]+)\.min_workers")


class SlotState(StrEnum):
    RUNNING = "running"
    STARTING = "starting"
    PREPARED = "prepared"
    STOPPED = "stopped"
    """Is no worker, and should run."""
    STANDBY = "standby"
    """Waits to take the head over."""
    FAILED = "failed"
    UNKNOWN = "unknown"


class SlotStatus(BaseModel):
    """One slot. ``ray_node`` is Ray's node id; memory in MiB, disk in GiB.

    ``disk_used`` is the share (0 to 1) that is full of its disk, the fuller one of two;
    ``disk_full`` is why it takes nothing any more. ``gpu`` is its cards, or its slice of one and
    what holds it to that. ``wait`` is what its start waits for before it begins Ray.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    slot: str
    kind: SlotKind
    worker_group: str | None
    host: str
    address: str
    size: str | None
    cpus: int
    memory_mb: int
    disk_gb: int
    disk_used: float | None = None
    disk_full: str = ""
    gpu: str = ""
    state: SlotState
    detail: str = ""
    wait: Wait | None = None
    ports: dict[str, int]
    ray_node: str | None = None
    revision: str
    restarts: int = 0


def state_of(
    record: SlotRecord,
    unit: UnitState | None,
    keeper: KeeperView | None,
    wait: Wait | None = None,
    *,
    joined: bool,
) -> tuple[SlotState, str]:
    """The state, and what to know of it; ``joined`` says that Ray knows the slot's node."""
    if unit is None:
        return SlotState.UNKNOWN, "systemd does not know its unit; `adbray apply` recreates it"
    if unit.load not in ("loaded", ""):
        detail = f"systemd cannot start it: its unit is {unit.load}; `adbray apply` writes it again"
        return SlotState.FAILED, detail
    if unit.active == "failed":
        cleared = "the next start clears it" if record.worker_group else "`adbray apply` starts it"
        return SlotState.FAILED, f"{failure(unit)}; {cleared}{_see(record)}"
    if unit.sub == "auto-restart":
        return SlotState.FAILED, f"it keeps exiting ({unit.restarts} restarts){_see(record)}"
    if unit.active in ("inactive", "deactivating"):
        return _stopped(record, unit)
    waiting = None if joined else _waiting(record, keeper, wait)
    return waiting or _begun(record, unit, joined=joined)


def _begun(record: SlotRecord, unit: UnitState, *, joined: bool) -> tuple[SlotState, str]:
    """The state of a slot whose program has been started."""
    if record.kind is SlotKind.REDIS or joined:
        if unit.active == "active":
            return SlotState.RUNNING, ""
        return SlotState.STARTING, f"its unit is {unit.sub}"
    detail = "Ray does not know this node yet"
    if unit.restarts:
        detail += f"; systemd has started it {unit.restarts + 1} times{_see(record)}"
    return SlotState.STARTING, detail


def _waiting(
    record: SlotRecord, keeper: KeeperView | None, wait: Wait | None
) -> tuple[SlotState, str] | None:
    """The state of a slot where Ray is not begun yet; None of any other."""
    if wait is not None:
        return SlotState.STARTING, wait.text + (_see(record) if wait.failed else "")
    if keeper is None or keeper.state is not KeeperState.WAITS:
        return None
    if keeper.leader:
        return SlotState.STANDBY, f"{keeper.leader} leads"
    return SlotState.STARTING, f"waits {keeper.detail}"


def failure(unit: UnitState) -> str:
    """Why a failed unit failed."""
    parts = ["its unit failed"]
    if unit.result not in ("", "success"):
        parts[0] += f": {_RESULTS.get(unit.result, f'systemd calls it {unit.result}')}"
    if unit.overrides:
        parts.append(f"others have changed the unit by {', '.join(unit.overrides)}")
    return "; ".join(parts)


def _stopped(record: SlotRecord, unit: UnitState) -> tuple[SlotState, str]:
    stopping = unit.active == "deactivating"
    if record.worker_group is not None:
        return SlotState.PREPARED, "is stopping" if stopping else ""
    detail = "its unit is stopping" if stopping else "its unit is stopped; `adbray apply` starts it"
    return SlotState.STOPPED, detail


def _see(record: SlotRecord) -> str:
    return f"; see `adbray logs {record.group} {record.slot}`"


def least_of(records: Sequence[SlotRecord]) -> Mapping[str, int]:
    """min_workers of each worker group, as the group's head was last told."""
    heads = sorted((r for r in records if r.kind is SlotKind.HEAD), key=lambda r: r.slot)
    settings = heads[0].scaling if heads else {}
    found = ((_LEAST.fullmatch(field), value) for field, value in settings.items())
    return {m["group"]: value for m, value in found if m and isinstance(value, int)}


def unready(slots: Sequence[SlotStatus], least: Mapping[str, int]) -> tuple[SlotStatus, ...]:
    """The slots that are not as they should be.

    A stopped worker is, where ``least`` of its group run: which of them do is the autoscaler's
    business. A standby is, while a head runs.
    """
    count = _running(slots)
    leads = any(s.kind is SlotKind.HEAD and s.state is SlotState.RUNNING for s in slots)

    def is_ready(slot: SlotStatus) -> bool:
        match slot.state:
            case SlotState.RUNNING:
                return True
            case SlotState.STANDBY:
                return leads
            case SlotState.PREPARED:
                return count[slot.worker_group or ""] >= least.get(slot.worker_group or "", 0)
        return False

    return tuple(slot for slot in slots if not is_ready(slot))


def what_lacks(slots: Sequence[SlotStatus], least: Mapping[str, int]) -> tuple[str, ...]:
    """Why a group is not ready, in words; nothing where all that should run does."""
    lacks = []
    if not any(s.kind is SlotKind.HEAD and s.state is SlotState.RUNNING for s in slots):
        lacks.append("no head runs")
    count = _running(slots)
    lacks += [
        f"{count[group]} of {least[group]} {group} run"
        for group in least
        if count[group] < least[group]
    ]
    lacks += [
        f"{slot.slot} on {slot.host} is {slot.state}"
        for slot in unready(slots, least)
        if slot.state not in (SlotState.PREPARED, SlotState.STANDBY)
    ]
    return tuple(lacks)


def why(slot: SlotStatus, least: Mapping[str, int]) -> str:
    """An unready slot's state with its reason, which is never empty."""
    wanted = least.get(slot.worker_group or "", 0)
    stopped = f"stopped, and fewer than {wanted} of its group run: the autoscaler starts one"
    return f"{slot.state} ({slot.detail or stopped})"


def _running(slots: Sequence[SlotStatus]) -> Counter[str]:
    return Counter(s.worker_group or "" for s in slots if s.state is SlotState.RUNNING)
