"""`adbray apply` and `adbray render`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
from pydantic import ValidationError

from adbray_ctl.cli.confirm import ask, confirm_for
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.plan import print_plan
from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.cli.render.screen import print_json, say
from adbray_ctl.cli.render.tables import print_status
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import RefusedError, UsageError
from adbray_ctl.core.observed.status import GroupStatus
from adbray_ctl.core.placement.topology import Replacement
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.plan.steps import Step
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.services import apply as service
from adbray_ctl.services import nodes
from adbray_ctl.services import plan as planning
from adbray_ctl.services import render as rendering
from adbray_ctl.services.history import planned, recorded


@dataclass(frozen=True)
class Consent:
    """What the user agreed to beforehand; ``force`` covers lost data and interrupted jobs."""

    yes: bool = False
    force: bool = False
    quiet: bool = False
    keep_going: bool = False
    canary: int = 0
    command: str = "apply"
    restart: tuple[str, ...] = ()
    replacing: Replacement | None = None
    namespace: str | None = None


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
    consent = Consent(yes=yes, force=force, quiet=as_json, keep_going=keep_going, canary=canary)
    groups = (saved.group,) if saved else state.groups(group)
    with state.tools.lock.hold(f"apply {group or ''}".strip()):
        done = [apply_one(state, name, consent, saved) for name in groups]
    if as_json:
        print_json(done)


def apply_one(
    state: State, group: str, consent: Consent, saved: ChangePlan | None = None
) -> GroupStatus:
    """Plan, ask where something is lost, run, and print; the lock is held by the caller."""
    tools = state.tools
    namespace = saved.namespace if saved else consent.namespace
    prepared = planning.prepare(
        tools,
        group,
        canary=consent.canary,
        namespace=namespace,
        restart=consent.restart,
        replacing=consent.replacing,
    )
    if saved is not None:
        planning.require_unmoved(saved, prepared)
    if consent.restart:
        nodes.require_nothing_else(prepared, consent.restart)
    if not consent.quiet:
        print_plan(prepared.plan)
    if prepared.plan.is_empty:
        status = service.apply(tools, prepared, lambda _: None)
        if not consent.quiet:
            say("nothing to change")
            print_status(status)
        return status
    _ask(prepared.plan, consent, production=prepared.spec.production)
    options = service.Options(keep_going=consent.keep_going, after_canary=_after_canary(consent))
    purpose = f"{consent.command} {group}"
    with tools.lease.hold(prepared.fleet, prepared.head_host, group, purpose):
        current = planning.prepare(
            tools,
            group,
            canary=consent.canary,
            namespace=prepared.namespace,
            restart=consent.restart,
            replacing=consent.replacing,
        )
        planning.require_unmoved(prepared.plan, current)
        with (
            ProgressView(purpose) as view,
            recorded(tools, planned(current, consent.command), view) as report,
        ):
            status = service.apply(tools, current, report, options)
    if not consent.quiet:
        changed = len(view.progress.changed)
        say(f"done in {view.elapsed_s:.1f} s, {changed} tasks changed something")
        print_status(status)
    return status


def _ask(plan: ChangePlan, consent: Consent, *, production: bool) -> None:
    """Raise RefusedError unless everything that is lost was agreed to."""
    others = any(boot.others for boot in plan.boots)
    if not plan.interrupted and not plan.count(Impact.DELETE) and not others:
        return
    unknown = bool(plan.blind and plan.interrupted)
    grave = bool(plan.jobs) or unknown or plan.count(Impact.DELETE) > 0 or others
    if consent.yes and (consent.force or not grave):
        return
    if consent.yes:
        what = "interrupts slots of other groups" if others else "deletes nodes"
        what = f"interrupts {len(plan.jobs)} running jobs" if plan.jobs else what
        what = "interrupts nodes, and what runs there is not known" if unknown else what
        raise RefusedError(
            f"this {what}, which --yes does not cover",
            where=f"group {plan.group}",
            hint="look at `adbray plan`, then add --force",
        )
    nodes = len(plan.interrupted) + sum(len(boot.others) for boot in plan.boots)
    question = f"{nodes} running nodes are interrupted and what runs there is lost. Go on?"
    confirm_for(plan.group, question, production=production and grave)


def _after_canary(consent: Consent) -> service.AfterCanary:
    def go_on(step: Step) -> bool:
        return not consent.yes and ask(f"{step.title}: done. Go on with the rest?")

    return go_on


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
