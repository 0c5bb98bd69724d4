"""`adbray logs`."""

from __future__ import annotations

import click

from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.logs import print_kept, print_line
from adbray_ctl.cli.render.screen import print_json, print_json_line
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import ClusterError, HostError, UsageError
from adbray_ctl.core.observed.logs import LogRequest, moment
from adbray_ctl.services import node_logs as service


@click.command(
    epilog="Examples:\n\n  adbray logs analytics large-0 --follow\n\n"
    "  adbray logs analytics large-0 --previous --file 'raylet.*'\n\n"
    "  adbray logs analytics --list",
    short_help="Show the logs of a node, or of a worker that ended.",
)
@click.argument("group", type=GROUP)
@click.argument("node", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with each line as it comes.")
@click.option(
    *("-n", "--lines"),
    default=50,
    show_default=True,
    type=click.IntRange(0),
    help="Last lines of each log; 0 for all.",
)
@click.option(
    "--since", metavar="T", help="Lines from then on: 90s, 10m, 2h, 1d, or a time in UTC."
)
@click.option(
    "--file", default="*", metavar="GLOB", help="Only the logs of such names, e.g. raylet.out."
)
@click.option("-p", "--previous", is_flag=True, help="What is kept of the last start that ended.")
@click.option("--start", default="", metavar="START", help="What is kept of this start of --list.")
@click.option("--list", "listed", is_flag=True, help="List what is kept of workers that ended.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a line each, or the list.")
@pass_state
def logs(
    state: State,
    group: str,
    node: str | None,
    follow: bool,
    lines: int,
    since: str | None,
    file: str,
    previous: bool,
    start: str,
    listed: bool,
    as_json: bool,
) -> None:
    """Show the journal of NODE's unit, and Ray's logs of the session that runs on it.

    `adbray job logs` shows a job's own output; `kept_logs` in fleet.yml bounds what is kept.
    """
    if listed:
        _list(state, group, node, as_json=as_json)
        return
    wanted = LogRequest(
        group=group,
        node=_checked(node, group, ended_followed=follow and (previous or bool(start))),
        lines=lines,
        since=moment(since, state.tools.clock.time()) if since else 0,
        file=file,
        start=start,
        follow=follow,
    )
    _print(state, wanted, previous=previous, as_json=as_json)


def _checked(node: str | None, group: str, *, ended_followed: bool) -> str:
    if node is None:
        raise UsageError("which node?", hint=f"`adbray status {group}` lists them; or --list")
    if ended_followed:
        raise UsageError("what has ended does not go on", where="--follow")
    return node


def _print(state: State, wanted: LogRequest, *, previous: bool, as_json: bool) -> None:
    """Each line as it comes. Raises ClusterError if logs were named and there is none."""
    empty, some = True, wanted.file != "*"
    with service.read(state.tools, wanted, previous=previous) as found:
        for line in found:
            empty = False
            if as_json:
                print_json_line(line._asdict())
            else:
                print_line(line, alone="*" not in wanted.file)
    if empty and some:
        raise ClusterError(
            f"nothing is in logs of {wanted.node} with names like {wanted.file}",
            where=f"group {wanted.group}",
            hint="leave --file out, or `adbray logs GROUP NODE --list` shows earlier starts",
        )


def _list(state: State, group: str, node: str | None, *, as_json: bool) -> None:
    hosts = service.listing(state.tools, group)
    kept = sorted(
        (one for host in hosts for one in host.kept if node in (None, one.slot)),
        key=lambda one: one.start,
    )
    if as_json:
        print_json(kept)
    else:
        print_kept(kept)
    silent = [f"{host.host}: {host.error}" for host in hosts if host.error]
    if silent:
        raise HostError("incomplete, without what these hosts keep:\n" + "\n".join(silent))
