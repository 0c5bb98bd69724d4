"""`adbray destroy`."""

from __future__ import annotations

import click

from adbray_ctl.cli.confirm import confirm_name
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.services import destroy as service


@click.command(
    epilog="Example:\n\n  adbray destroy analytics", short_help="Remove a group from its hosts."
)
@click.argument("group", type=GROUP)
@click.option("-y", "--yes", is_flag=True, help="Do not ask for the group's name to be typed.")
@pass_state
def destroy(state: State, group: str, yes: bool) -> None:
    """Remove GROUP and all its data from its hosts: units, disks, venvs, Redis, secrets.

    Its running jobs are interrupted. The spec file stays.
    """
    with state.tools.lock.hold(f"destroy {group}"):
        removal = service.prepare(state.tools, group)
        if not removal.hosts:
            service.destroy(state.tools, removal, lambda _: None)
            click.echo(f"group {group} is on no host; nothing to remove")
            return
        click.echo(f"group {group}: {len(removal.slots)} slots on {', '.join(removal.hosts)}")
        if not yes:
            confirm_name("Jobs are interrupted, data on these slots is lost for good.", group)
        with ProgressView(f"destroy {group}") as view:
            service.destroy(state.tools, removal, view)
    click.echo(f"destroyed {group} in {view.elapsed_s:.1f} s")
