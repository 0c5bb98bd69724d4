"""`adbray apply` and `adbray render`."""

from __future__ import annotations

from pathlib import Path

import click
from pydantic import ValidationError

from adbray_ctl.cli.console import Terminal
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.screen import print_json, say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import UsageError
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.services import change as service
from adbray_ctl.services import render as rendering
from adbray_ctl.services.change import Change


@click.command(
    epilog="Examples:\n\n  adbray apply\n\n  adbray apply analytics --yes --json"
    "\n\n  adbray apply --plan change.json",
    short_help="Create or update groups on their hosts.",
)
@click.argument("group", type=GROUP, required=False)
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Carry out this saved plan, if nothing has moved since.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask about ordinary changes.")
@click.option("--force", is_flag=True, help="Nor about lost data and interrupted jobs.")
@click.option("--keep-going", is_flag=True, help="A failed batch stops its worker group alone.")
@click.option(
    "--canary", default=0, type=click.IntRange(0), help="Change this many workers, then ask."
)
@click.option("--json", "as_json", is_flag=True, help="Print the resulting status as JSON.")
@pass_state
def apply(
    state: State,
    group: str | None,
    plan_file: Path | None,
    yes: bool,
    force: bool,
    keep_going: bool,
    canary: int,
    as_json: bool,
) -> None:
    """Create or update GROUP (default: every group with a file) on its hosts.

    What runs already and fits the spec stays as it is. What is lost is shown and asked about
    first. Running workers are drained, changed and awaited, max_unavailable at a time.
    """
    saved = _read_plan(plan_file) if plan_file else None
    if saved and group not in (None, saved.group):
        raise UsageError(f"the plan is for group {saved.group}", where=str(plan_file))
    changes = [
        Change(group=name, keep_going=keep_going, canary=canary, saved=saved)
        for name in ((saved.group,) if saved else state.groups(group))
    ]
    consent = Consent(yes=yes, force=force)
    done = service.apply_groups(state.tools, changes, consent, Terminal(silent=as_json))
    if as_json:
        print_json(done)


def _read_plan(path: Path) -> ChangePlan:
    try:
        return ChangePlan.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(
            "this is no plan of this adbray version", where=str(path), hint="adbray plan -o FILE"
        ) from error


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
    say(f"wrote {output} ({hosts} hosts, {len(prepared.topology.placements)} slots)")
