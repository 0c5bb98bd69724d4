"""`adbray scale`."""

from __future__ import annotations

import click

from adbray_ctl.cli.commands.apply import Consent, apply_one
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.cli.unwritten import without_lines
from adbray_ctl.core.errors import AdbrayError, UsageError
from adbray_ctl.core.text import no_such


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
    wanted = {"min_workers": low, "max_workers": high}
    values = {key: value for key, value in wanted.items() if value is not None}
    if not values:
        raise UsageError("nothing to change", hint="pass --min, --max or both")
    with state.tools.lock.hold(f"scale {group}"):
        spec = state.project.group(group, state.project.fleet())
        names = [one.name for one in spec.worker_groups]
        if worker_group not in names:
            what = no_such("worker group", worker_group, names, of=f"in group {group}")
            raise UsageError(what)
        place = ("worker_groups", names.index(worker_group))
        options = {"--min": low, "--max": high}
        asked = " and ".join(f"{name} {n}" for name, n in options.items() if n is not None)
        with without_lines(f"{asked} cannot be set", "pass other numbers with --min and --max"):
            before = state.project.edit_group(
                group, {(*place, key): value for key, value in values.items()}
            )
        try:
            apply_one(state, group, Consent(yes=yes, force=force, command="scale"))
        except AdbrayError as error:
            if error.untouched:
                state.project.put_back(group, before)
            raise
