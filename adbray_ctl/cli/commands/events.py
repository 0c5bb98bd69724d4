"""`adbray events`."""

from __future__ import annotations

import click

from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.scaling import print_event, print_events
from adbray_ctl.cli.render.screen import print_json, print_json_line
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.services import scaling as service


@click.command(
    epilog="Examples:\n\n  adbray events analytics\n\n  adbray events analytics --follow --json",
    short_help="Show what the autoscaler did, and why.",
)
@click.argument("group", type=GROUP)
@click.option("-n", "limit", default=50, show_default=True, type=click.IntRange(1), help="Events.")
@click.option("-f", "--follow", is_flag=True, help="Go on with each event as it comes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --follow, a line for each.")
@pass_state
def events(state: State, group: str, limit: int, *, follow: bool, as_json: bool) -> None:
    """Show what scaled in GROUP when and why: the demand, the worker group, what blocked it."""
    if follow:
        for event in service.follow(state.tools, group, limit):
            if as_json:
                print_json_line(event)
            else:
                print_event(event)
        return
    found = service.events(state.tools, group, limit)
    if as_json:
        print_json(found)
    else:
        print_events(found)
