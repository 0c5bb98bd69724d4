"""`adbray scale`."""

from __future__ import annotations

import click

from adbray_ctl.cli.console import Terminal
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services import scale as service


@click.command(
    epilog="Example:\n\n  adbray scale analytics large --min 2 --max 6",
    short_help="Change the minimum and maximum of a worker group.",
)
@click.argument("group", type=GROUP)
@click.argument("worker_group")
@click.option("--min", "low", type=click.IntRange(0), help="Workers that always run.")
@click.option("--max", "high", type=click.IntRange(1), help="Workers there may be.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask about ordinary changes.")
@click.option("--force", is_flag=True, help="Nor about lost data and interrupted jobs.")
@pass_state
def scale(
    state: State,
    group: str,
    worker_group: str,
    low: int | None,
    high: int | None,
    yes: bool,
    force: bool,
) -> None:
    """Set min_workers and max_workers of WORKER_GROUP in GROUP's file, and apply it.

    Comments and layout of the file stay. No running worker restarts; above a lower maximum the
    surplus is drained and removed. The file is put back if nothing was changed.
    """
    service.scale(
        state.tools,
        state.project,
        group,
        worker_group,
        service.Bounds(least=low, most=high),
        Consent(yes=yes, force=force),
        Terminal(),
    )
