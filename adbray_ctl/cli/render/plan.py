"""A change plan on standard output: what happens to which node, what it costs, in which order."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from adbray_ctl.cli.render.tables import make_console, plain_table
from adbray_ctl.core.impact import Impact
from adbray_ctl.core.plan import ChangePlan, NodeChange
from adbray_ctl.core.record import SlotKind

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
    console = make_console()
    counts = ", ".join(f"{plan.count(a)} {a}" for a in reversed(Impact) if plan.count(a))
    console.print(Text.assemble(("group ", "bold"), (plan.group, "bold"), f": {counts}"))
    table = plain_table("action", "node", "host", "why", "lost")
    for change in plan.changes:
        if kept or change.action is not Impact.KEEP:
            action = Text(change.action, _STYLES[change.action])
            table.add_row(action, change.node, change.host, change.reason, _lost(change))
    if table.row_count:
        console.print(table)
    for host in plan.silent:
        console.print(Text(f"! {host.text}", "yellow"), soft_wrap=True)
    for line in plan.units:
        console.print(Text("GPU ", "dim").append(line, "default"), soft_wrap=True)
    for boot in plan.boots:
        console.print(Text(f"! {boot.text}", "yellow"), soft_wrap=True)
    _print_jobs(console, plan)
    _print_steps(console, plan)


def _lost(change: NodeChange) -> str:
    if not change.interrupts:
        return "-"
    if change.kind is SlotKind.REDIS:
        return "what Ray stored" if change.action is Impact.DELETE else "-"
    counts = change.lost.model_dump(exclude={"detached"})
    named = [f"{count} {kind}" for kind, count in counts.items() if count]
    disk = ["its disk"] if change.action is Impact.DELETE else []
    return ", ".join([*named, "its objects", *disk])


def _print_jobs(console: Console, plan: ChangePlan) -> None:
    if plan.blind and plan.interrupted:
        text = f"! which jobs this interrupts is not known: {plan.blind}"
        console.print(Text(text, "red"), soft_wrap=True)
    if plan.jobs:
        console.print(Text("running jobs that this interrupts:", "bold"))
        table = plain_table("job", "on", "entrypoint")
        for job in plan.jobs:
            table.add_row(job.id, ", ".join(job.nodes), job.entrypoint)
        console.print(table)


def _print_steps(console: Console, plan: ChangePlan) -> None:
    # What belongs to no node is in no table.
    if len(plan.steps) > 1 or any(not step.members for step in plan.steps):
        console.print(Text("in this order, each step awaited before the next:", "bold"))
        for number, step in enumerate(plan.steps, start=1):
            console.print(f"{number:>3}. {step.title}", soft_wrap=True)
