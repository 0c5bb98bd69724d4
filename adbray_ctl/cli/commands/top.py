"""`adbray top`."""

from __future__ import annotations

import click

from adbray_ctl.cli.params import GROUP, Seconds
from adbray_ctl.cli.render.loads import loads_table
from adbray_ctl.cli.render.screen import LiveView, print_json, print_json_line, say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.observed.loads import Loads, SortBy
from adbray_ctl.services import top as service


@click.command(
    epilog="Examples:\n\n  adbray top analytics --sort memory\n\n  adbray top --once --json",
    short_help="Show the CPU, memory and disk use of nodes.",
)
@click.argument("group", type=GROUP, required=False)
@click.option(
    "--sort",
    "by",
    type=click.Choice([by.value for by in SortBy]),
    default=SortBy.CPU.value,
    show_default=True,
    help="The column whose largest comes first.",
)
@click.option(
    "--every",
    "every_s",
    default=2.0,
    show_default=True,
    type=Seconds(0.5, 60),
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Look once: at one second.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON; without --once, a line each time."
)
@pass_state
def top(
    state: State, group: str | None, *, by: str, every_s: float, once: bool, as_json: bool
) -> None:
    """Show what head and workers of GROUP (default: of all groups) use, again and again.

    Objects are what the object store has taken of the memory, spilled what of it lies on the disk.
    Where output is no terminal, it is shown once. A host without an answer is told; with --once the
    exit code is 1 then.
    """
    looks = service.looks(state.tools, group, SortBy(by), every_s)
    live = LiveView()
    if as_json and not once:
        for loads in looks:
            print_json_line(loads)
    if once or not live.possible:
        _once(next(looks), group, as_json=as_json)
        return
    with live:
        for loads in looks:
            live.show(*loads_table(loads, groups=group is None))


def _once(loads: Loads, group: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json(loads)
    else:
        say(*loads_table(loads, groups=group is None))
    if loads.problems:
        raise HostError("incomplete, without these hosts:\n" + "\n".join(loads.problems))
