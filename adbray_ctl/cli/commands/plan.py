"""`adbray plan`."""

from __future__ import annotations

from pathlib import Path

import click

from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.plan import print_plan
from adbray_ctl.cli.render.screen import print_json, say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import UsageError
from adbray_ctl.services import plan as service

CHANGES = 4


@click.command(
    epilog="Examples:\n\n  adbray plan\n\n  adbray plan analytics -o change.json"
    " && adbray apply --plan change.json",
    short_help="Show what apply would do to each node.",
)
@click.argument("group", type=GROUP, required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save the plan of one group, for `adbray apply --plan`.",
)
@click.option("--canary", default=0, type=click.IntRange(0), help="Workers to change first.")
@click.option("--kept", is_flag=True, help="Show the nodes that are kept as well.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--exit-code", is_flag=True, help=f"Exit with {CHANGES} when there are changes.")
@pass_state
def plan(
    state: State,
    group: str | None,
    output: Path | None,
    canary: int,
    kept: bool,
    as_json: bool,
    exit_code: bool,
) -> None:
    """Compare GROUP's spec (default: every group's) with what runs; nothing is changed.

    Shows for each node what happens to it and why, what is lost, which running jobs are
    interrupted, and the order of work.
    """
    groups = state.groups(group)
    if output is not None and len(groups) != 1:
        raise UsageError("a saved plan is for one group", hint="name the group")
    plans = [one.plan for one in service.prepare_all(state.tools, groups, canary=canary)]
    if output is not None:
        output.write_text(plans[0].model_dump_json(indent=2) + "\n")
        say(f"wrote {output}", err=True)
    if as_json:
        print_json(plans)
    else:
        for one in plans:
            print_plan(one, kept=kept)
    if exit_code and not all(one.is_empty for one in plans):
        click.get_current_context().exit(CHANGES)
