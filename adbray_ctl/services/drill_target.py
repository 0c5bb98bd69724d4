"""What a drill breaks of a running group, and from where it watches."""

from __future__ import annotations

from dataclasses import dataclass

from adbray_ctl.core.drill import Fault
from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.slots import SlotState
from adbray_ctl.core.observed.status import GroupStatus, group_status
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.services.status import no_head
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class DrillSetup:
    """What a drill breaks, and from where it watches: hosts with the slots' records."""

    fleet: Fleet
    group: str
    fault: Fault
    status: GroupStatus
    target: tuple[str, SlotRecord]
    watcher: tuple[str, SlotRecord]
    leader: str
    gcs: str
    jobs: tuple[str, ...]


def prepare(tools: Tools, group: str, fault: Fault) -> DrillSetup:
    """Raises ClusterError if the group is not ready, or has nothing to break or to watch from."""
    fleet = tools.specs.fleet()
    observed = tools.hosts.observe(fleet)
    status = group_status(group, observed, fleet.retired)
    leading = observed.leading(group)
    if leading is None or status.addresses is None:
        raise no_head(tools, fleet, group, observed)
    if not status.ready:
        raise ClusterError(
            "it is not ready, and a drill needs a sound group",
            where=f"group {group}",
            hint=f"`adbray status {group}` shows what is missing",
        )
    view = observed.ray(group)
    target = _target(observed, status, fault, leading)
    return DrillSetup(
        fleet=fleet,
        group=group,
        fault=fault,
        status=status,
        target=target,
        watcher=_watcher(observed, status, fault, target[0]),
        leader=leading[0],
        gcs=status.addresses.gcs,
        jobs=tuple(job.id for job in view.jobs) if view else (),
    )


def _target(
    observed: Observed, status: GroupStatus, fault: Fault, leading: tuple[str, SlotRecord]
) -> tuple[str, SlotRecord]:
    """The host that is broken, with the slot that the fault is about."""
    if fault in (Fault.HEAD_PROCESS, Fault.HEAD_HANG, Fault.HEAD_HOST):
        return leading
    kind = SlotKind.REDIS if fault is Fault.REDIS else SlotKind.WORKER
    mine = [(h, r) for h, r in observed.records() if (r.group, r.kind) == (status.group, kind)]
    running = {slot.slot for slot in status.slots if slot.state is SlotState.RUNNING}
    mine = [pair for pair in mine if pair[1].slot in running]
    if fault is Fault.WORKER_HOST:
        taken = {slot.host for slot in status.slots if slot.kind is not SlotKind.WORKER}
        mine = [pair for pair in mine if pair[0] not in taken]
    if fault is Fault.REDIS and (primary := observed.primary(status.group)):
        mine = [pair for pair in mine if f"{pair[1].address}:{pair[1].ports['redis']}" == primary]
    if not mine:
        what = {
            Fault.REDIS: "it has no Redis of its own",
            Fault.WORKER_HOST: "every worker runs beside the head, a standby or Redis",
        }[fault]
        raise UsageError(f"nothing to break: {what}", hint="try another drill")
    return mine[0]


def _watcher(
    observed: Observed, status: GroupStatus, fault: Fault, target: str
) -> tuple[str, SlotRecord]:
    """A running worker to watch from, where the fault does not reach."""
    running = {slot.slot for slot in status.slots if slot.state is SlotState.RUNNING}
    workers = [
        (host, record)
        for host, record in observed.records()
        if (record.group, record.kind) == (status.group, SlotKind.WORKER)
        and record.slot in running
        and not (cuts(fault) and host == target)
    ]
    if not workers:
        where = " on another host" if cuts(fault) else ""
        raise UsageError(f"no worker runs{where} to watch from", hint="raise min_workers")
    # Rather one that shares nothing with what is broken.
    return min(workers, key=lambda pair: pair[0] == target)


def cuts(fault: Fault) -> bool:
    """Whether a host is left without a way to the others."""
    return fault in (Fault.HEAD_HOST, Fault.WORKER_HOST)
