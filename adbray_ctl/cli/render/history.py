"""Runs of the history on standard output."""

from __future__ import annotations

from collections.abc import Sequence

from adbray_ctl.cli.render.screen import Table, Text, say
from adbray_ctl.cli.render.tables import when
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
    table = Table("run", "group", "command", "started", "seconds", "outcome", "who")
    for run in runs:
        outcome = Text(run.outcome, _OUTCOMES[run.outcome])
        row = (str(run.number), run.group, run.command, when(run.started_at), _seconds(run))
        table.add(*row, outcome, run.who)
    say(table if runs else "no runs yet")


def print_run(run: RunDetail) -> None:
    """One run, node by node."""
    outcome = Text(run.outcome, _OUTCOMES[run.outcome])
    title = f"run {run.number}: {run.command} {run.group} by {run.who}, {when(run.started_at)}, "
    say(Text(title).append(outcome).append(f", {_seconds(run)} s"))
    table = Table("node", "host", "action", "state", "seconds", "why")
    for node in run.nodes:
        state = Text(node.state, _STATES[node.state])
        table.add(node.node, node.host, node.action, state, _seconds(node), node.reason)
    if run.nodes:
        say(table)
    if run.error:
        say(Text(run.error, "red"))
    for log in run.logs:
        say(Text(f"log {log}", "dim"))


def _seconds(timed: Run | NodeResult) -> str:
    if timed.started_at is None or timed.ended_at is None:
        return "-"
    return f"{timed.ended_at - timed.started_at:.1f}"
