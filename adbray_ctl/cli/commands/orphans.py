"""`adbray orphans`."""

from __future__ import annotations

import click

from adbray_ctl.cli.console import Terminal
from adbray_ctl.cli.render.orphans import print_report
from adbray_ctl.cli.render.screen import print_json
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services import orphans as service
from adbray_ctl.services import removal as removing


@click.command(
    epilog="Examples:\n\n  adbray orphans\n\n  adbray orphans --remove oldgroup",
    short_help="Find and remove what no group of this project owns.",
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--remove", is_flag=True, help="Remove it, or only what is called NAME.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask about what was made from here.")
@click.option("--force", is_flag=True, help="Nor about what runs, or was not made from here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def orphans(
    state: State, names: tuple[str, ...], *, remove: bool, yes: bool, force: bool, as_json: bool
) -> None:
    """Look on all hosts, and in every external Redis that a group's file names, for leftovers.

    These are groups without a file here, with their slots, units, disks and keys. Another project
    on the same hosts has its own groups: look at who made one before you remove it. Keys of which
    a head runs are never removed.
    """
    if not remove and (names or yes or force):
        raise UsageError("NAME, --yes and --force go with --remove")
    if remove and as_json:
        raise UsageError("--json lists, and does not go with --remove")
    if remove:
        removing.remove(state.tools, names, Consent(yes=yes, force=force), Terminal())
        return
    report = service.find(state.tools).report
    if as_json:
        print_json(report)
    else:
        print_report(report)
    removing.require_whole(report)
