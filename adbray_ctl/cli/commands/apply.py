"""`adbray apply` and `adbray render`."""

from __future__ import annotations

from pathlib import Path

import click

from adbray_ctl.cli.confirm import confirm
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.cli.render.tables import print_json, print_plan, print_status
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.plan import Action
from adbray_ctl.core.status import GroupStatus
from adbray_ctl.services import apply as service
from adbray_ctl.services import plan as planning
from adbray_ctl.services import render as rendering


@click.command(
    epilog="Examples:\n\n  adbray apply\n\n  adbray apply analytics --yes --json",
    short_help="Make groups real on their hosts.",
)
@click.argument("group", type=GROUP, required=False)
@click.option("-y", "--yes", is_flag=True, help="Do not ask, whatever the plan says.")
@click.option("--json", "as_json", is_flag=True, help="Print the resulting status as JSON.")
@pass_state
def apply(state: State, group: str | None, yes: bool, as_json: bool) -> None:
    """Make GROUP (default: every group there is a file for) real on its hosts.

    What runs already and fits the spec stays as it is. Restarts and deletions are shown and
    asked about first.
    """
    with state.tools.lock.hold(f"apply {group or ''}".strip()):
        done = [apply_one(state, name, yes=yes, quiet=as_json) for name in state.groups(group)]
    if as_json:
        print_json(done)


def apply_one(state: State, group: str, *, yes: bool, quiet: bool) -> GroupStatus:
    """Plan, ask where something is lost, run, and print; the lock is held by the caller."""
    prepared = planning.prepare(state.tools, group)
    if not quiet:
        print_plan(prepared.plan)
    lossy = [c for c in prepared.plan.changes if c.action in (Action.RESTART, Action.DELETE)]
    if lossy and not yes:
        slots = ", ".join(f"{change.action} {change.slot}" for change in lossy)
        confirm(f"{slots}: tasks, actors and objects on these slots are lost. Go on?")
    with ProgressView(f"apply {group}") as view:
        status = service.apply(state.tools, prepared, view)
    if not quiet:
        changed = len(view.progress.changed)
        click.echo(f"done in {view.elapsed_s:.1f} s, {changed} tasks changed something")
        print_status(status)
    return status


@click.command(
    epilog="Example:\n\n  adbray render analytics -o inventories/analytics\n\n"
    "  ansible-playbook -i inventories/analytics playbooks/site.yml",
    short_help="Write a group's inventory for plain ansible-playbook.",
)
@click.argument("group", type=GROUP)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to write to; made if missing.",
)
@pass_state
def render(state: State, group: str, output: Path) -> None:
    """Write GROUP's Ansible inventory; the hosts are looked at and not changed.

    Secrets stay in .adbray/secrets: the inventory names their files only.
    """
    prepared = rendering.render(state.tools, group, output)
    hosts = len(prepared.topology.hosts)
    click.echo(f"wrote {output} ({hosts} hosts, {len(prepared.topology.placements)} slots)")
