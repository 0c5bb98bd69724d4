"""`adbray destroy`."""

from __future__ import annotations

import click

from adbray_ctl.cli.console import Terminal
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services import destroy as service


@click.command(
    epilog="Example:\n\n  adbray destroy analytics",
    short_help="Remove a group and its data from its hosts.",
)
@click.argument("group", type=GROUP)
@click.option("-y", "--yes", is_flag=True, help="Do not ask, unless jobs are running.")
@click.option("--force", is_flag=True, help="Do not ask, whatever is running.")
@pass_state
def destroy(state: State, group: str, yes: bool, force: bool) -> None:
    """Remove GROUP and all its data from its hosts: units, disks, venvs, Redis, secrets, kept logs.

    Its running jobs are interrupted. The spec file stays.
    """
    service.destroy_group(state.tools, group, Consent(yes=yes, force=force), Terminal())
