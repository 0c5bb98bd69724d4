"""`adbray destroy`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import click

from adbray_ctl.cli.confirm import confirm_name
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.cli.render.screen import say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import RefusedError
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.services import destroy as service
from adbray_ctl.services.history import recorded, unplanned


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
    with state.tools.lock.hold(f"destroy {group}"):
        removal = service.prepare(state.tools, group)
        for host in removal.silent:
            text = f"host {host} is retired and gives no answer: what stands there stays;"
            say(f"{text} destroy {group} again when it answers")
        if not removal.hosts:
            service.destroy(state.tools, removal, lambda _: None)
            say(f"group {group} is on no host; nothing to remove")
            return
        say(f"group {group}: {len(removal.nodes)} slots on {', '.join(removal.hosts)}")
        _ask(removal, yes=yes, force=force)
        carry_out(state, removal)


def carry_out(state: State, removal: service.Removal) -> None:
    """Remove the group, under its lease and on record; the caller has consent and the lock."""
    group = removal.group
    deed = unplanned(group, "destroy", removal.nodes, Impact.DELETE)
    with (
        _lease(state, removal),
        ProgressView(f"destroy {group}") as view,
        recorded(state.tools, deed, view) as report,
    ):
        service.destroy(state.tools, removal, report)
    say(f"destroyed {group} in {view.elapsed_s:.1f} s")


def _ask(removal: service.Removal, *, yes: bool, force: bool) -> None:
    """Raise RefusedError unless the loss of data, and of running jobs, was agreed to."""
    for job in removal.jobs:
        say(f"running job {job.id}: {job.entrypoint}")
    if force or (yes and not removal.jobs):
        return
    if yes:
        raise RefusedError(
            f"{len(removal.jobs)} jobs are running, which --yes does not cover",
            where=f"group {removal.group}",
            hint="stop them, or pass --force",
        )
    confirm_name("Jobs are interrupted, data on these slots is lost for good.", removal.group)


def _lease(state: State, removal: service.Removal) -> AbstractContextManager[None]:
    if removal.head is None:
        return nullcontext()
    purpose = f"destroy {removal.group}"
    return state.tools.lease.hold(removal.fleet, removal.head, removal.group, purpose)
