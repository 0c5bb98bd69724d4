"""Drill: break something of a running group for real, and measure how it comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adbray_ctl.core.drill import (
    Call,
    Drill,
    Fault,
    Kind,
    Moment,
    Process,
    are_steady,
    count_went_on,
    interruption_s,
    not_back,
)
from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.events import Note
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.slots import SlotState
from adbray_ctl.core.observed.status import GroupStatus, group_status
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.services.status import no_head
from adbray_ctl.services.tools import Tools

# What a process is called, by the first 15 letters (proc(5), comm).
_PROCESSES = {Process.GCS: "gcs_server", Process.RAYLET: "raylet", Process.ALL: ""}
_REDIS_PROCESS = "redis-server"
# The driver is up within this, and its calls go well.
_STEADY_WITHIN_S = 60.0
# A fault needs some time to show; one of a host until others notice.
_SHOWS_S = {Fault.HEAD_PROCESS: 5.0, Fault.HEAD_HANG: 5.0, Fault.REDIS: 10.0}
_HOST_SHOWS_S = 15.0
_BACK_WITHIN_S = 300.0
_POLL_S = 1.0


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
            hint=f"`adbray status {group}` tells what is missing",
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


def drill(
    tools: Tools, setup: DrillSetup, report: Report, *, process: Process, cut_s: int
) -> Drill:
    """Carry it out, and wait until everything is back. Raises ClusterError if it does not come."""
    clock = tools.clock
    host, worker = setup.watcher
    moments: list[tuple[float, str]] = []
    with tools.drills.watch(setup.fleet, host, worker, setup.gcs) as calls:
        _await_steady(tools, calls, report)
        report(Note(text=f"{setup.fault} on {setup.target[0]}, watched from {host}"))
        fault_at = clock.now()
        _break(tools, setup, process, cut_s)
        shows_s = max(_SHOWS_S.get(setup.fault, _HOST_SHOWS_S), cut_s if _cuts(setup.fault) else 0)
        status = _await_back(tools, setup, calls, (fault_at, shows_s), moments, report)
        seen = calls()
    jobs = _jobs(tools, setup)
    timeline = [Moment(at_s=round(at - fault_at, 1), what=what) for at, what in moments]
    return Drill(
        group=setup.group,
        fault=setup.fault,
        host=setup.target[0],
        leader_before=setup.leader,
        leader_after=_leader(status),
        recovered_s=round(interruption_s(seen, Kind.ACTOR, fault_at), 2),
        tasks_s=round(interruption_s(seen, Kind.TASK, fault_at), 2),
        held_s=round(interruption_s(seen, Kind.HELD, fault_at), 2),
        nodes_back_s=timeline[-1].at_s if timeline else 0.0,
        actor_kept=count_went_on(seen),
        failed_calls=sum(1 for call in seen if call.error),
        jobs=jobs,
        timeline=tuple(timeline),
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
        and not (_cuts(fault) and host == target)
    ]
    if not workers:
        where = " on another host" if _cuts(fault) else ""
        raise UsageError(f"no worker runs{where} to watch from", hint="raise min_workers")
    # Rather one that shares nothing with what is broken.
    return min(workers, key=lambda pair: pair[0] == target)


def _cuts(fault: Fault) -> bool:
    return fault in (Fault.HEAD_HOST, Fault.WORKER_HOST)


def _await_steady(tools: Tools, calls: Callable[[], tuple[Call, ...]], report: Report) -> None:
    report(Note(text="starting a driver that watches"))
    deadline = tools.clock.now() + _STEADY_WITHIN_S
    while not are_steady(calls(), 0):
        if tools.clock.now() > deadline:
            raise ClusterError("the watching driver does not come up; nothing was broken")
        tools.clock.sleep(_POLL_S / 4)


def _break(tools: Tools, setup: DrillSetup, process: Process, cut_s: int) -> None:
    host, record = setup.target
    if _cuts(setup.fault):
        others = [h.address for h in setup.fleet.hosts if h.name != host]
        tools.drills.cut(setup.fleet, host, others, cut_s)
    elif setup.fault is Fault.REDIS:
        tools.drills.break_process(setup.fleet, host, record.unit, _REDIS_PROCESS, hang=False)
    else:
        hang = setup.fault is Fault.HEAD_HANG
        name = _PROCESSES[process]
        tools.drills.break_process(setup.fleet, host, record.unit, name, hang=hang)


def _await_back(
    tools: Tools,
    setup: DrillSetup,
    calls: Callable[[], tuple[Call, ...]],
    fault: tuple[float, float],
    moments: list[tuple[float, str]],
    report: Report,
) -> GroupStatus:
    """Until all that should run does, and calls go well; what is seen is told."""
    group, (fault_at, shows_s) = setup.group, fault
    last = {s.slot: f"{s.slot} on {s.host}: {s.state}" for s in setup.status.slots}
    while True:
        status = group_status(group, tools.hosts.observe(setup.fleet), setup.fleet.retired)
        now = tools.clock.now()
        for slot in status.slots:
            text = f"{slot.slot} on {slot.host}: {slot.state}"
            if last.get(slot.slot) != text:
                moments.append((now, text))
                report(Note(text=f"{now - fault_at:6.1f} s  {text}"))
            last[slot.slot] = text
        missing = not_back(setup.status, status)
        if not missing and now - fault_at > shows_s and are_steady(calls(), fault_at):
            moments.append((now, "everything is back"))
            return status
        if now - fault_at > _BACK_WITHIN_S:
            raise ClusterError(
                f"not back after {_BACK_WITHIN_S:g} s: {', '.join(missing) or 'calls still fail'}",
                where=group,
                hint=f"`adbray status {group}`; `adbray apply {group}` mends what it can",
            )
        tools.clock.sleep(_POLL_S)


def _leader(status: GroupStatus) -> str:
    heads = (slot for slot in status.slots if slot.kind is SlotKind.HEAD)
    return next((slot.host for slot in heads if slot.state is SlotState.RUNNING), "")


def _jobs(tools: Tools, setup: DrillSetup) -> dict[str, str]:
    """The jobs that ran before, and their state now."""
    if not setup.jobs or setup.status.addresses is None:
        return {}
    token = tools.secrets.site(setup.group).token_file
    found = tools.jobs(setup.status.addresses.dashboard, token).list()
    return {job.id: job.status for job in found if job.id in setup.jobs}
