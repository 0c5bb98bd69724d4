"""`adbray upgrade` and `adbray rollback`."""

from __future__ import annotations

import click

from adbray_ctl.cli.console import Terminal
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services import revisions as service
from adbray_ctl.services.change import Change


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
    wanted = Change(group=group, command="upgrade", canary=canary)
    consent = Consent(yes=yes, force=force)
    service.upgrade(state.tools, state.project, wanted, version, consent, Terminal())


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
    consent = Consent(yes=yes, force=force)
    service.rollback(state.tools, state.project, group, number, consent, Terminal())
