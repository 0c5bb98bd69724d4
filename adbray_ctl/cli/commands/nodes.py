"""`adbray restart` and `adbray drain`."""

from __future__ import annotations

import click

from adbray_ctl.cli.commands.apply import Consent, apply_one
from adbray_ctl.cli.confirm import confirm_for
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.cli.render.screen import say
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.services import nodes as service
from adbray_ctl.services import plan as planning
from adbray_ctl.services.history import recorded, unplanned


@click.command(
    epilog="Examples:\n\n  adbray restart analytics large-0\n\n  adbray restart analytics large",
    short_help="Restart nodes; workers are drained first.",
)
@click.argument("group", type=GROUP)
@click.argument("names", nargs=-1, required=True, metavar="NODE|WORKERGROUP...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask about ordinary changes.")
@click.option("--force", is_flag=True, help="Nor about interrupted jobs.")
@pass_state
def restart(state: State, group: str, names: tuple[str, ...], yes: bool, force: bool) -> None:
    """Restart nodes of GROUP, or all running workers of a worker group.

    Workers are drained first and restarted max_unavailable at a time, as apply does it.
    """
    with state.tools.lock.hold(f"restart {group}"):
        nodes = service.named(planning.prepare(state.tools, group), names)
        consent = Consent(yes=yes, force=force, command="restart", restart=nodes)
        apply_one(state, group, consent)


@click.command(
    epilog="Example:\n\n  adbray drain analytics large-0",
    short_help="Stop workers when they have finished their work.",
)
@click.argument("group", type=GROUP)
@click.argument("names", nargs=-1, required=True, metavar="NODE|WORKERGROUP...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--timeout", "within_s", type=click.IntRange(0), help="Seconds to wait for work to end."
)
@pass_state
def drain(
    state: State, group: str, names: tuple[str, ...], yes: bool, within_s: int | None
) -> None:
    """Give workers of GROUP no more work, wait until theirs has ended, and stop them.

    The autoscaler does not start them until `adbray apply`, or a boot of their host, gives them
    back to it. Where fewer than min_workers are left, it starts others that are prepared.
    """
    tools = state.tools
    with tools.lock.hold(f"drain {group}"):
        prepared = planning.prepare(tools, group)
        nodes = service.named(prepared, names)
        service.require_workers(prepared, nodes)
        if not yes:
            question = f"Drain and stop {', '.join(nodes)}?"
            confirm_for(group, question, production=prepared.spec.production)
        seconds = prepared.spec.drain_timeout_s if within_s is None else within_s
        purpose = f"drain {group}"
        places = service.standing(prepared, nodes)
        with (
            tools.lease.hold(prepared.fleet, prepared.head_host, group, purpose),
            ProgressView(purpose) as view,
            recorded(tools, unplanned(group, "drain", places, Impact.STOP), view) as report,
        ):
            service.drain(tools, prepared, places, seconds, report)
    say(f"stopped {', '.join(nodes)} after {view.elapsed_s:.1f} s")
