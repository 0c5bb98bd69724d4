"""`adbray collect`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.cli.render.screen import say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.cli.versions import versions
from adbray_ctl.core.bundle import Bundle
from adbray_ctl.core.errors import HostError, RefusedError
from adbray_ctl.core.observed.logs import moment
from adbray_ctl.services import collect as service


@click.command(
    epilog="Examples:\n\n  adbray collect analytics\n\n"
    "  adbray collect analytics --since 2h -o case.tar.gz",
    short_help="Write a support bundle of a group, without its secrets.",
)
@click.argument("group", type=GROUP)
@click.option(
    *("-o", "--output"),
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; it must not exist.  [default: adbray-GROUP-TIME.tar.gz]",
)
@click.option(
    "--since", default="1d", metavar="T", show_default=True, help="Journals from then on; see logs."
)
@click.option(
    *("-n", "--lines"),
    default=5000,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="Last lines of each journal.",
)
@pass_state
def collect(state: State, group: str, output: Path | None, since: str, lines: int) -> None:
    """Write GROUP's state and past to one file, for those who help with it.

    In it: the spec files, status, plan, events, history and its output, and of each host journals,
    units, records, figures, Redis' INFO and the end of Ray's logs. All values that adbray knows to
    be secret are taken out, in whatever form; what jobs printed otherwise is there. A host or head
    that is down is told, and costs nothing else; the exit code is 1 if a host is missing.
    """
    now = state.tools.clock.time()
    begin = moment(since, now)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    path = output or Path(f"adbray-{group}-{stamp}.tar.gz")
    if path.exists():
        raise RefusedError("there is a file already, and it is left as it is", where=str(path))
    with ProgressView(f"collect {group}") as view:
        bundle = service.save(
            state.tools,
            group,
            path,
            lines=lines,
            since=begin,
            versions=versions(),
            report=view,
        )
    say(f"wrote {path}: {bundle.text}; look through it before you give it away")
    _print_missing(bundle)


def _print_missing(bundle: Bundle) -> None:
    """What the bundle lacks. Raises HostError if it is all that a host knows."""
    for one in bundle.missing:
        say(f"without {one.what}: {one.why.splitlines()[0]}", err=True)
    if bundle.silent:
        raise HostError(
            f"incomplete, without what {', '.join(bundle.silent)} knows",
            where=bundle.silent[0],
            hint="bring it back and collect again, or go on with what there is",
        )
