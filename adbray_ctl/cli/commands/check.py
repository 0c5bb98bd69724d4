"""`adbray check`."""

from __future__ import annotations

import click

from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.check_table import print_check
from adbray_ctl.cli.render.screen import print_json
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import AdbrayError, HostError, PlacementError
from adbray_ctl.core.preflight.findings import CheckReport
from adbray_ctl.core.preflight.readings import Check
from adbray_ctl.services import check as service


@click.command(
    epilog="Example:\n\n  adbray check analytics --apply",
    short_help="Check whether the hosts can run groups.",
)
@click.argument("group", type=GROUP, required=False)
@click.option("--apply", "fix", is_flag=True, help="Fix what is safe to fix, then check again.")
@click.option("--gpu", "burn", is_flag=True, help="Have each GPU work for ten seconds first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_state
def check(state: State, group: str | None, fix: bool, burn: bool, as_json: bool) -> None:
    """Check every host, and what GROUP needs of it; each finding has its remedy.

    Nothing is changed without --apply, which loads the loop module, raises inotify limits and
    turns time synchronization on, where these are missing. Warnings alone exit with 0.
    """
    run = service.check_and_fix if fix else service.check
    # What it brings to light in counters and logs, the check then sees.
    burned = service.burn_in(state.tools) if burn else ()
    report = run(state.tools, group)
    report = report.model_copy(update={"findings": report.findings + burned})
    if as_json:
        print_json(report)
    else:
        print_check(report)
    error = _failure(report)
    if error is not None:
        raise error


def _failure(report: CheckReport) -> AdbrayError | None:
    failed = report.failed
    if not failed:
        return None
    misfit = next((one for one in failed if one.check is Check.PLACEMENT), None)
    if misfit is not None:
        where = f"group {report.group}"
        return PlacementError(misfit.found, where=where, hint=misfit.remedy)
    places = ", ".join(dict.fromkeys(one.place for one in failed))
    count = "1 check failed" if len(failed) == 1 else f"{len(failed)} checks failed"
    return HostError(f"{count}: {places}", hint="do what stands at each of them, and check again")
