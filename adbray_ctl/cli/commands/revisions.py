"""`adbray upgrade` and `adbray rollback`."""

from __future__ import annotations

import click

from adbray_ctl.cli.commands.apply import Consent, apply_one
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.screen import say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.cli.unwritten import without_lines
from adbray_ctl.core.errors import AdbrayError
from adbray_ctl.services import revisions


@click.command(
    epilog="Example:\n\n  adbray upgrade analytics --ray 2.60.0",
    short_help="Change the Ray version of a group.",
)
@click.argument("group", type=GROUP)
@click.option("--ray", "version", required=True, help="Ray's version, for example 2.60.0.")
@click.option(
    "--canary",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Hosts of each worker group to try it on first.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask about ordinary changes.")
@click.option("--force", is_flag=True, help="Nor about interrupted jobs.")
@pass_state
def upgrade(state: State, group: str, version: str, canary: int, yes: bool, force: bool) -> None:
    """Set ray.version in GROUP's file, and apply it.

    The new Ray is installed beside the old one and tried on hosts of each worker group while the
    cluster goes on; if that fails, nothing is changed and the file is put back. Then workers are
    drained and all nodes go over at once, since nodes of two versions form no cluster. The old
    environment stays for a rollback.
    """
    with state.tools.lock.hold(f"upgrade {group}"):
        spec = state.project.group(group, state.project.fleet())
        with without_lines(f"--ray {version} cannot be set", "pass another version with --ray"):
            before = state.project.edit_group(group, {("ray", "version"): version})
        try:
            for note in revisions.upgrade_notes(spec, version):
                say(f"note: {note}", err=True)
            consent = Consent(yes=yes, force=force, canary=canary, command="upgrade")
            apply_one(state, group, consent)
        except AdbrayError as error:
            _put_back(state, group, before, error)
            raise


@click.command(
    epilog="Examples:\n\n  adbray rollback analytics\n\n  adbray rollback analytics --to 12",
    short_help="Apply the previous revision of a group.",
)
@click.argument("group", type=GROUP)
@click.option("--to", "number", type=int, help="Go to the spec of this run of `adbray history`.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask about ordinary changes.")
@click.option("--force", is_flag=True, help="Nor about lost data, jobs, and edits of the file.")
@pass_state
def rollback(state: State, group: str, number: int | None, yes: bool, force: bool) -> None:
    """Give GROUP's file the text it had in the last run that succeeded with another, and apply it.

    Twice in a row leads back to where you were. What the hosts still have, such as the environment
    of another Ray version, is used and not fetched again. fleet.yml stays as it is.
    """
    tools = state.tools
    with tools.lock.hold(f"rollback {group}"):
        target = revisions.previous(tools.history, group, number)
        if not force:
            revisions.require_applied(tools, group, target)
        say(f"back to the spec of run {target.number}", err=True)
        before = state.project.replace_group(group, target.spec)
        try:
            apply_one(state, group, Consent(yes=yes, force=force, command="rollback"))
        except AdbrayError as error:
            _put_back(state, group, before, error)
            raise


def _put_back(state: State, group: str, before: str, error: AdbrayError) -> None:
    """Undo the edit of the file if the cluster is as it was."""
    if error.untouched:
        state.project.put_back(group, before)
        error.what += f"\nnothing was changed, and groups/{group}.yml is as it was"
