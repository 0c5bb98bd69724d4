"""A change plan on standard output: what happens to which node, what it costs, in which order."""

from __future__ import annotations

from adbray_ctl.cli.render.screen import Table, Text, say
from adbray_ctl.core.plan.changes import NodeChange
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.impact import Impact

_STYLES = {
    Impact.KEEP: "dim",
    Impact.UPDATE: "cyan",
    Impact.START: "green",
    Impact.RESTART: "yellow",
    Impact.STOP: "red",
    Impact.DELETE: "bold red",
}


def print_plan(plan: ChangePlan, *, kept: bool = False) -> None:
    """Changes, worst first; kept nodes are only counted unless ``kept``."""
    counts = ", ".join(f"{plan.count(a)} {a}" for a in reversed(Impact) if plan.count(a))
    say(Text(f"group {plan.group}", "bold").append(f": {counts}"))
    table = Table("action", "node", "host", "why", "lost")
    for change in plan.changes:
        if kept or change.action is not Impact.KEEP:
            action = Text(change.action, _STYLES[change.action])
            table.add(action, change.node, change.host, change.reason, _lost(change))
    if table:
        say(table)
    for host in plan.silent:
        say(Text(f"! {host.text}", "yellow"))
    for line in plan.units:
        say(Text("GPU ", "dim").append(line))
    for boot in plan.boots:
        say(Text(f"! {boot.text}", "yellow"))
    _print_jobs(plan)
    _print_steps(plan)


def _lost(change: NodeChange) -> str:
    if not change.interrupts:
        return "-"
    if change.kind is SlotKind.REDIS:
        return "what Ray stored" if change.action is Impact.DELETE else "-"
    counts = change.lost.model_dump(exclude={"detached"})
    named = [f"{count} {kind}" for kind, count in counts.items() if count]
    disk = ["its disk"] if change.action is Impact.DELETE else []
    return ", ".join([*named, "its objects", *disk])


def _print_jobs(plan: ChangePlan) -> None:
    if plan.blind and plan.interrupted:
        text = f"! which jobs this interrupts is not known: {plan.blind}"
        say(Text(text, "red"))
    if plan.jobs:
        say(Text("running jobs that this interrupts:", "bold"))
        table = Table("job", "on", "entrypoint")
        for job in plan.jobs:
            table.add(job.id, ", ".join(job.nodes), job.entrypoint)
        say(table)


def _print_steps(plan: ChangePlan) -> None:
    # What belongs to no node is in no table.
    if len(plan.steps) > 1 or any(not step.members for step in plan.steps):
        say(Text("in this order, each step awaited before the next:", "bold"))
        for number, step in enumerate(plan.steps, start=1):
            say(f"{number:>3}. {step.title}")
