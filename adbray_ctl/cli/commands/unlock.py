"""`adbray unlock`."""

from __future__ import annotations

import click

from adbray_ctl.cli.confirm import confirm
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.screen import say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.services import lease as service


@click.command(
    epilog="Example:\n\n  adbray unlock analytics",
    short_help="Release the lock that a dead run holds on a group.",
)
@click.argument("group", type=GROUP)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_state
def unlock(state: State, group: str, yes: bool) -> None:
    """Take the lease on GROUP from its holder.

    A run that was killed loses its lease by itself within a minute. Take it from a run that is
    still alive, and two may change the same hosts.
    """
    held = service.find(state.tools, group)
    if held.holder is None:
        say(f"group {group} is not locked")
        return
    say(f"group {group} is held by {held.holder}")
    if not yes:
        confirm("Is that run known to be dead? Take the lease from it?")
    service.break_(state.tools, held)
    say("unlocked")
