"""`adbray restart` and `adbray drain`."""

from __future__ import annotations

import click

from adbray_ctl.cli.console import Terminal
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services import drain as draining
from adbray_ctl.services import restart as restarting


@click.command(
    epilog="Examples:\n\n  adbray restart analytics large-0\n\n  adbray restart analytics large",
    short_help="Restart nodes; workers are drained first.",
)
@click.argument("group", type=GROUP)
@click.argument("names", nargs=-1, required=True, metavar="NODE|WORKERGROUP...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask about ordinary changes.")
@click.option("--force", is_flag=True, help="Nor about interrupted jobs.")
@pass_state
def restart(state: State, group: str, names: tuple[str, ...], yes: bool, force: bool) -> None:
    """Restart nodes of GROUP, or all running workers of a worker group.

    Workers are drained first and restarted max_unavailable at a time, as apply does it.
    """
    restarting.restart(state.tools, group, names, Consent(yes=yes, force=force), Terminal())


@click.command(
    epilog="Example:\n\n  adbray drain analytics large-0",
    short_help="Stop workers when they have finished their work.",
)
@click.argument("group", type=GROUP)
@click.argument("names", nargs=-1, required=True, metavar="NODE|WORKERGROUP...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--timeout", "within_s", type=click.IntRange(0), help="Seconds to wait for work to end."
)
@pass_state
def drain(
    state: State, group: str, names: tuple[str, ...], yes: bool, within_s: int | None
) -> None:
    """Give workers of GROUP no more work, wait until theirs has ended, and stop them.

    The autoscaler does not start them until `adbray apply`, or a boot of their host, gives them
    back to it. Where fewer than min_workers are left, it starts others that are prepared.
    """
    draining.drain(state.tools, group, names, within_s, Consent(yes=yes), Terminal())
