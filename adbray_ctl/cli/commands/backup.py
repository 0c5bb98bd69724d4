"""`adbray backup` and `adbray restore`."""

from __future__ import annotations

from pathlib import Path

import click

from adbray_ctl.cli.console import Terminal
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.screen import say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services import backup as service


@click.command(
    epilog="Example:\n\n  adbray backup analytics -o analytics.backup",
    short_help="Save a group, its secrets and its state to a file.",
)
@click.argument("group", type=GROUP)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; it must not exist.",
)
@pass_state
def backup(state: State, group: str, output: Path) -> None:
    """Write GROUP's file, its secrets and what its head keeps in Redis to one file.

    It can be taken while the group runs. The file opens the cluster to whoever can read it: only
    its owner can, and it should be kept as a password is.
    """
    found = service.save(state.tools, group, output)
    say(f"wrote {output}: {found.text}")


@click.command(
    epilog="Example:\n\n  adbray restore analytics.backup",
    short_help="Create a group from a backup.",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@pass_state
def restore(state: State, file: Path, yes: bool) -> None:
    """Make the group in FILE on the hosts of this project, with the state it had.

    It must stand on no host. Its file is written if it is not here. Detached actors that may be
    restarted are, the job table is there; what workers held is not.
    """
    found = service.restore(state.tools, state.project, file, Consent(yes=yes), Terminal())
    say(f"restored {found.text}")
