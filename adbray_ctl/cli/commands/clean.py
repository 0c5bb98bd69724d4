"""`adbray clean`."""

from __future__ import annotations

import sys

import click

from adbray_ctl.cli.confirm import ask
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.cleaning import print_disk, print_freed
from adbray_ctl.cli.render.screen import print_json, say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.foreign import whole
from adbray_ctl.core.observed.cleaning import DiskItem, May, NodeDisk
from adbray_ctl.core.text import size
from adbray_ctl.services import clean as service


@click.command(
    epilog="Examples:\n\n  adbray clean analytics head --dry-run\n\n"
    "  adbray clean analytics large-0 --yes",
    short_help="Free space on a node's disk.",
)
@click.argument("group", type=GROUP)
@click.argument("node")
@click.option("--dry-run", is_flag=True, help="Show what lies there, and free nothing.")
@click.option("-y", "--yes", is_flag=True, help="Also remove files of jobs and of operators.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and do not ask.")
@pass_state
def clean(state: State, group: str, node: str, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Show what fills the disk of NODE of GROUP, and free what no process can use any more.

    That is: logs of ended processes, ended sessions, core files; of a node that does not run also
    its packages, environments and spilled objects. Files that jobs or operators wrote and that no
    process has open are removed after a question, or with --yes.
    """
    found = service.look(state.tools, group, node)
    if not as_json:
        print_disk(found.disk)
    items = found.disk.chosen(asked=False)
    wanted = tuple(item for item in found.disk.items if item.may is May.ASK)
    if wanted and not dry_run and (yes or (not as_json and _agreed(wanted))):
        items = (*items, *wanted)
    if dry_run or not items:
        if as_json:
            print_json(found.disk)
        return
    freed = service.free(state.tools, found, items)
    if as_json:
        print_json(freed)
    else:
        print_freed(freed)
    _require_done(freed)


def _agreed(wanted: tuple[DiskItem, ...]) -> bool:
    total = size(sum(item.bytes for item in wanted))
    question = f"Remove {total} of files that jobs or operators wrote, for good?"
    if not sys.stdin.isatty():
        say(f"not removed without --yes: {total} that jobs or operators wrote", err=True)
    return ask(question)


def _require_done(freed: NodeDisk) -> None:
    left = [item for item in freed.items if item.error]
    if left:
        what = "\n".join(f"{whole(item.path)}: {item.error}" for item in left)
        raise HostError(f"not everything could be removed:\n{what}", where=freed.host)
