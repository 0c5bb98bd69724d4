"""Apply: carry out a plan step by step, each awaited before the next begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeAlias

from adbray_ctl.core.errors import AdbrayError, ClusterError, RefusedError
from adbray_ctl.core.events import Note, StepEnded, StepStarted
from adbray_ctl.core.inventory.removal import build_removal_inventory
from adbray_ctl.core.inventory.scope import Scope
from adbray_ctl.core.observed.slots import unready, why
from adbray_ctl.core.observed.status import GroupStatus, group_status
from adbray_ctl.core.plan.steps import Step
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.services import external_redis
from adbray_ctl.services.boot import booted
from adbray_ctl.services.nodes import drain_and_stop, held_back
from adbray_ctl.services.patience import Patience
from adbray_ctl.services.plan import Prepared, inventory_of
from adbray_ctl.services.secrets import ensure_all
from adbray_ctl.services.tools import Tools

# Ray's head answers about 6 s after its start and a worker joins in about 3 s on an idle machine;
# the rest is for loaded ones.
_READY_WITHIN_S = 180.0
_POLL_S = 1.0


AfterCanary: TypeAlias = Callable[[Step], bool]


def _stop(_: Step) -> bool:
    return False


@dataclass(frozen=True)
class Options:
    """``keep_going``: a failed batch does not keep the other worker groups from being changed.

    ``after_canary`` is asked after a canary's step and stops the run by returning False.
    """

    keep_going: bool = False
    after_canary: AfterCanary = _stop


def apply(
    tools: Tools, prepared: Prepared, report: Report, options: Options | None = None
) -> GroupStatus:
    """Carry out ``prepared``; the caller has shown its plan and holds lock and lease.

    Raises RunError when a task failed, ClusterError when a node is not ready in time, RefusedError
    when the canary's step was the last that was wanted. What is done stays done: the next plan is
    what remains.
    """
    external_redis.require(tools, prepared, report)
    ensure_all(tools, prepared)
    group = prepared.spec.name
    if prepared.plan.steps:
        inventory = inventory_of(tools, prepared, at_once=True)
        tools.inventories.write(inventory, tools.inventories.path(group))
    _carry_out_all(tools, prepared, report, options or Options())
    return _final_status(tools, prepared, report)


def _carry_out_all(tools: Tools, prepared: Prepared, report: Report, options: Options) -> None:
    """Raises the first error there was, with the others and what was not begun."""
    steps = prepared.plan.steps
    begun: list[Step] = []
    failures: dict[str | None, AdbrayError] = {}
    stopped = False
    for number, step in enumerate(steps, start=1):
        if step.worker_group in failures:
            continue
        report(StepStarted(number=number, total=len(steps), title=step.title, nodes=step.members))
        begun.append(step)
        error = _failure_of(tools, prepared, step, report)
        if error is not None:
            failures[step.worker_group] = error
            stopped = step.worker_group is None or not options.keep_going
        elif step.canary:
            stopped = not options.after_canary(step)
        if stopped:
            break
    rest = [step for step in steps if step not in begun]
    if failures:
        errors = list(failures.values())
        raise _joined(errors, rest) from errors[0]
    if stopped:
        raise RefusedError(
            f"stopped after the canary; {len(rest)} steps were not begun",
            where=f"group {prepared.spec.name}",
            hint="`adbray apply` goes on, `adbray plan` shows with what",
        )


def _failure_of(tools: Tools, prepared: Prepared, step: Step, report: Report) -> AdbrayError | None:
    """Carry out one step; why it failed, if it did."""
    try:
        log = carry_out(tools, prepared, step, report)
    except AdbrayError as error:
        report(StepEnded(title=step.title, nodes=step.members, error=error.what))
        return error
    report(StepEnded(title=step.title, nodes=step.members, log=log))
    return None


def wait_ready(
    tools: Tools, prepared: Prepared, wanted: Iterable[str], report: Report
) -> GroupStatus:
    """Observe until Ray knows every one of the nodes ``wanted``, as they are now applied.

    A worker that the autoscaler has stopped again is not waited for: min_workers of its group run.
    Raises ClusterError once nothing has gone on for so long.
    """
    group, hosts = prepared.spec.name, prepared.topology.hosts
    nodes = set(wanted)
    patience, waiting = Patience(tools.clock, _READY_WITHIN_S), -1
    while True:
        status = group_status(group, tools.hosts.observe(prepared.fleet, hosts))
        missing = sorted(nodes - _ready(prepared, status))
        if not missing:
            return status
        if patience.is_over(status):
            raise _not_ready(prepared, status, missing)
        if waiting != len(missing):
            report(Note(text=f"waiting for {len(missing)} of {len(nodes)}: {', '.join(missing)}"))
            waiting = len(missing)
        tools.clock.sleep(_POLL_S)


def _least(prepared: Prepared) -> dict[str, int]:
    """As the file has it, which the head may not have been told yet."""
    return {group.name: group.min_workers for group in prepared.spec.worker_groups}


def _ready(prepared: Prepared, status: GroupStatus) -> set[str]:
    """The nodes that are as they should be."""
    left = {slot.slot for slot in unready(status.slots, _least(prepared))}
    return {slot.slot for slot in status.slots} - left


def carry_out(tools: Tools, prepared: Prepared, step: Step, report: Report) -> str:
    """One step; gives Ansible's log."""
    spec = prepared.spec
    if step.trial:
        venv = prepared.desired.runtime.venv
        tools.nodes.try_ray(prepared.fleet, step.hosts, venv, spec.ray.version)
        return ""
    with held_back(tools, prepared, step.members) as workers:
        # Of the workers that are to be changed the autoscaler may have started some meanwhile.
        stopped = [worker for worker in workers if worker[0] not in step.live]
        leaving = dict.fromkeys((*step.drained, *stopped))
        if leaving and not step.boot:
            within_s = spec.drain_timeout_s
            drain_and_stop(tools, prepared.fleet, spec.name, leaving, within_s, report)
        if step.leaving:
            return _leave_hosts(tools, prepared, step, report)
        scope = Scope(hosts=step.hosts, roles=step.roles, slots=step.slots)
        # It drains all that the host runs, the step's own too.
        with booted(tools, prepared, step, report) if step.boot else nullcontext():
            log = tools.runner.run("site", tools.inventories.path(spec.name), report, scope)
    here = {(p.slot, p.host) for p in prepared.topology.started}
    awaited = [node for node, host in step.members if (node, host) in here]
    if awaited:
        wait_ready(tools, prepared, awaited, report)
    return str(log)


def _leave_hosts(tools: Tools, prepared: Prepared, step: Step, report: Report) -> str:
    group = prepared.spec.name
    inventory = build_removal_inventory(
        fleet=prepared.fleet,
        group=group,
        hosts=step.hosts,
        site=tools.secrets.site(group),
        stays=True,
        watching=tuple(prepared.observed.watching(group)),
    )
    directory = tools.inventories.path(f"{group}.leaving")
    tools.inventories.write(inventory, directory)
    log = tools.runner.run("delete", directory, report)
    tools.inventories.forget(f"{group}.leaving")
    return str(log)


def _final_status(tools: Tools, prepared: Prepared, report: Report) -> GroupStatus:
    """The group as it is at the end, when every node that should run does."""
    if not prepared.plan.steps:
        status = group_status(prepared.spec.name, prepared.observed, prepared.fleet.retired)
        if status.ready:
            return status
    return wait_ready(tools, prepared, (p.slot for p in prepared.topology.started), report)


def _joined(errors: list[AdbrayError], rest: list[Step]) -> AdbrayError:
    """The first of ``errors``, with the others and what was not begun because of them."""
    first, *others = errors
    lines = [first.what]
    lines += [f"{one.where}: {one.what}" if one.where else one.what for one in others]
    if rest:
        titles = "; ".join(step.title for step in rest[:5]) + ("; ..." if len(rest) > 5 else "")
        lines.append(f"not begun: {titles}")
    return first.saying("\n".join(lines))


def _not_ready(prepared: Prepared, status: GroupStatus, missing: list[str]) -> ClusterError:
    slots = {slot.slot: slot for slot in status.slots}
    least = _least(prepared)
    lines = [f"not ready, and nothing has moved for {_READY_WITHIN_S:g} s"]
    for name in missing:
        slot = slots.get(name)
        state = f"{slot.host}: {why(slot, least)}" if slot else "no record on its host"
        lines.append(f"    {name}: {state}")
    lines += [f"    {problem}" for problem in status.problems]
    lines += [f"    {line}" for line in (status.scaling.lines() if status.scaling else ())]
    first = slots.get(missing[0])
    kind = first.kind if first else SlotKind.WORKER
    unit = f"adbray-{kind}@{prepared.spec.name}*"
    return ClusterError(
        "\n".join(lines),
        where=f"group {prepared.spec.name}",
        hint=f"on the host named, read `journalctl -u '{unit}'`, then run apply again",
    )
