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
from adbray_ctl.core.errors import ClusterError, RefusedError
from adbray_ctl.core.events import Note
from adbray_ctl.core.observed.slots import SlotState
from adbray_ctl.core.observed.status import GroupStatus, group_status
from adbray_ctl.core.plan.consent import Consent, question_about
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.services.drill_target import DrillSetup, cuts, prepare
from adbray_ctl.services.patience import Patience
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
class Blow:
    """How a fault is made: which ``process`` of a head it hits, and for how long a host is cut."""

    fault: Fault
    process: Process
    cut_s: int


def drill_group(tools: Tools, group: str, blow: Blow, consent: Consent, console: Console) -> Drill:
    """Break ``group`` if the user agrees, and wait until it is back.

    Raises RefusedError for a no, and without force for a production group; and what ``prepare`` and
    ``drill`` do.
    """
    with tools.lock.hold(f"drill {group}"):
        setup = prepare(tools, group, blow.fault)
        production = tools.specs.group(group, setup.fleet).production
        if production and not consent.force:
            raise RefusedError(
                f"{group} is marked as production", hint="pass --force to break it all the same"
            )
        if not consent.yes:
            text = f"Break {group} ({blow.fault}) on {setup.target[0]}?"
            console.confirm(question_about(group, text, production=production))
        with console.progress(f"drill {group}") as report:
            return drill(tools, setup, blow, report)


def drill(tools: Tools, setup: DrillSetup, blow: Blow, report: Report) -> Drill:
    """Carry it out, and wait until everything is back. Raises ClusterError if it does not come."""
    host, worker = setup.watcher
    moments: list[tuple[float, str]] = []
    with tools.drills.watch(setup.fleet, host, worker, setup.gcs) as calls:
        _await_steady(tools, calls, report)
        report(Note(text=f"{setup.fault} on {setup.target[0]}, watched from {host}"))
        fault_at = tools.clock.now()
        _break(tools, setup, blow)
        fault = (fault_at, _shows_s(blow))
        status = _await_back(tools, setup, calls, fault, moments, report)
        seen = calls()
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
        jobs=_jobs(tools, setup),
        timeline=tuple(timeline),
    )


def _shows_s(blow: Blow) -> float:
    """Seconds within which nothing that looks well is believed."""
    least = _SHOWS_S.get(blow.fault, _HOST_SHOWS_S)
    return max(least, blow.cut_s) if cuts(blow.fault) else least


def _await_steady(tools: Tools, calls: Callable[[], tuple[Call, ...]], report: Report) -> None:
    report(Note(text="starting a driver that watches"))
    deadline = tools.clock.now() + _STEADY_WITHIN_S
    while not are_steady(calls(), 0):
        if tools.clock.now() > deadline:
            raise ClusterError("the watching driver does not come up; nothing was broken")
        tools.clock.sleep(_POLL_S / 4)


def _break(tools: Tools, setup: DrillSetup, blow: Blow) -> None:
    host, record = setup.target
    if cuts(setup.fault):
        others = [h.address for h in setup.fleet.hosts if h.name != host]
        tools.drills.cut(setup.fleet, host, others, blow.cut_s)
    elif setup.fault is Fault.REDIS:
        tools.drills.break_process(setup.fleet, host, record.unit, _REDIS_PROCESS, hang=False)
    else:
        hang = setup.fault is Fault.HEAD_HANG
        name = _PROCESSES[blow.process]
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
    (fault_at, shows_s), last = fault, _states(setup.status)
    patience = Patience(tools.clock, _BACK_WITHIN_S)
    while True:
        status = group_status(setup.group, tools.hosts.observe(setup.fleet), setup.fleet.retired)
        now = tools.clock.now()
        seen = _states(status)
        for text in (seen[slot] for slot in seen if last.get(slot) != seen[slot]):
            moments.append((now, text))
            report(Note(text=f"{now - fault_at:6.1f} s  {text}"))
        last |= seen
        missing = not_back(setup.status, status)
        if not missing and now - fault_at > shows_s and are_steady(calls(), fault_at):
            moments.append((now, "everything is back"))
            return status
        if patience.is_over(status):
            raise _not_back(status, now - fault_at, missing)
        tools.clock.sleep(_POLL_S)


def _not_back(status: GroupStatus, after_s: float, missing: tuple[str, ...]) -> ClusterError:
    lines = [f"not back after {after_s:.0f} s: {', '.join(missing) or 'calls still fail'}"]
    lines += [f"    {s.slot}: {s.host}: {s.state} ({s.detail})" for s in status.slots if s.detail]
    return ClusterError(
        "\n".join(lines),
        where=status.group,
        hint="`adbray status` shows what is missing; `adbray apply` fixes what it can",
    )


def _states(status: GroupStatus) -> dict[str, str]:
    """Each slot's in one line, by its name."""
    return {s.slot: f"{s.slot} on {s.host}: {s.state}" for s in status.slots}


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
