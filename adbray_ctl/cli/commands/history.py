"""`adbray history`."""

from __future__ import annotations

import click

from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.history import print_run, print_runs
from adbray_ctl.cli.render.screen import print_json
from adbray_ctl.cli.state import State, pass_state


@click.group(
    invoke_without_command=True,
    epilog="Examples:\n\n  adbray history\n\n  adbray history show 3",
    short_help="Show past runs: what, by whom, with which outcome.",
)
@click.option("-g", "--group", type=GROUP, help="Only the runs of this group.")
@click.option("-n", "limit", default=20, show_default=True, type=click.IntRange(1), help="Runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def history(context: click.Context, group: str | None, limit: int, as_json: bool) -> None:
    """List the runs that changed groups from this directory, newest first."""
    if context.invoked_subcommand is not None:
        return
    state: State = context.obj
    runs = state.tools.history.runs(group, limit)
    if as_json:
        print_json(runs)
    else:
        print_runs(runs)


@history.command(short_help="Show one run.")
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def show(state: State, number: int, as_json: bool) -> None:
    """Show run NUMBER: what happened to each node, how long it took, and where the logs are."""
    run = state.tools.history.run(number)
    if as_json:
        print_json(run)
    else:
        print_run(run)
