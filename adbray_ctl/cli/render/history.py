"""Runs of the history on standard output."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from adbray_ctl.cli.render.tables import make_console, plain_table, when
from adbray_ctl.core.history import NodeResult, NodeState, Run, RunDetail, RunOutcome

_OUTCOMES = {
    RunOutcome.RUNNING: "cyan",
    RunOutcome.SUCCEEDED: "green",
    RunOutcome.FAILED: "bold red",
    RunOutcome.INTERRUPTED: "yellow",
}
_STATES = {
    NodeState.PENDING: "dim",
    NodeState.RUNNING: "yellow",
    NodeState.DONE: "green",
    NodeState.FAILED: "bold red",
}


def print_runs(runs: Sequence[Run]) -> None:
    """One row a run, newest first."""
    table = plain_table("run", "group", "command", "started", "seconds", "outcome", "who")
    for run in runs:
        outcome = Text(run.outcome, _OUTCOMES[run.outcome])
        row = (str(run.number), run.group, run.command, when(run.started_at), _seconds(run))
        table.add_row(*row, outcome, run.who)
    make_console().print(table if runs else "no runs yet")


def print_run(run: RunDetail) -> None:
    """One run, node by node."""
    console = make_console()
    outcome = Text(run.outcome, _OUTCOMES[run.outcome])
    title = f"run {run.number}: {run.command} {run.group} by {run.who}, {when(run.started_at)}, "
    console.print(Text(title).append(outcome).append(f", {_seconds(run)} s"), soft_wrap=True)
    table = plain_table("node", "host", "action", "state", "seconds", "why")
    for node in run.nodes:
        state = Text(node.state, _STATES[node.state])
        table.add_row(node.node, node.host, node.action, state, _seconds(node), node.reason)
    if run.nodes:
        console.print(table)
    if run.error:
        console.print(Text(run.error, "red"), soft_wrap=True)
    for log in run.logs:
        console.print(Text(f"log {log}", "dim"), soft_wrap=True)


def _seconds(timed: Run | NodeResult) -> str:
    if timed.started_at is None or timed.ended_at is None:
        return "-"
    return f"{timed.ended_at - timed.started_at:.1f}"
