"""`adbray wake`."""

from __future__ import annotations

import click

from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.services import power as service


@click.command(
    epilog="Examples:\n\n  adbray wake\n\n  adbray wake gpu7 gpu8",
    short_help="Wake hosts that sleep.",
)
@click.argument("hosts", nargs=-1, metavar="[HOST...]")
@pass_state
def wake(state: State, hosts: tuple[str, ...]) -> None:
    """Wake each HOST (default: all with a power driver) and wait until it answers.

    Heads wake the hosts they want by themselves; plan, apply and destroy do not, and need all.
    """
    with ProgressView("wake") as view:
        service.wake(state.tools, hosts, view)
