"""`adbray drill`."""

from __future__ import annotations

import click

from adbray_ctl.cli.console import Terminal
from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.drill import print_drill
from adbray_ctl.cli.render.screen import print_json
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.drill import Fault, Process
from adbray_ctl.core.plan.consent import Consent
from adbray_ctl.services import drill as service


@click.command(
    epilog="Examples:\n\n  adbray drill head-process analytics\n\n"
    "  adbray drill head-host analytics --cut 60 --yes --json",
    short_help="Cause a fault and measure the recovery.",
)
@click.argument("fault", type=click.Choice([fault.value for fault in Fault]))
@click.argument("group", type=GROUP)
@click.option(
    "--process",
    type=click.Choice([process.value for process in Process]),
    default=Process.GCS.value,
    show_default=True,
    help="Of a head: what is killed or stopped.",
)
@click.option(
    "--cut",
    "cut_s",
    type=click.IntRange(10, 600),
    default=60,
    show_default=True,
    help="Of a host: for how many seconds it reaches no other one.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also on a production group.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@pass_state
def drill(
    state: State,
    fault: str,
    group: str,
    process: str,
    cut_s: int,
    yes: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Cause a fault in GROUP while a driver in the cluster calls an actor and a task.

    head-process kills GCS, the head's raylet, or all of the head's processes. head-hang stops GCS,
    so that it neither ends nor answers. redis kills Redis. head-host and worker-host leave a host
    without a way to the others.

    What comes back by itself is told with its time; a cut host mends itself, even if this command
    is ended. Running jobs may be hit, as by the real thing.
    """
    blow = service.Blow(Fault(fault), Process(process), cut_s)
    consent = Consent(yes=yes, force=force)
    found = service.drill_group(state.tools, group, blow, consent, Terminal())
    if as_json:
        print_json(found)
    else:
        print_drill(found)
