"""`adbray usage`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from adbray_ctl.cli.params import GROUP
from adbray_ctl.cli.render.screen import print_json
from adbray_ctl.cli.render.usage import print_usage, write_csv
from adbray_ctl.cli.state import State, pass_state
from adbray_ctl.core.errors import HostError, UsageError
from adbray_ctl.core.usage.usage import By, UsageReport
from adbray_ctl.services import usage as service

_TIME = click.DateTime(formats=("%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"))


@click.command(
    epilog="Examples:\n\n  adbray usage analytics --by day\n\n"
    "  adbray usage --from 2026-09 --to 2026-10 --by worker-group --csv",
    short_help="Show hours used and costs, as AnalyticDB Ray bills them.",
)
@click.argument("group", type=GROUP, required=False)
@click.option("--from", "start", type=_TIME, help="From then on, in UTC.  [default: this month]")
@click.option("--to", "end", type=_TIME, help="Up to then, in UTC.  [default: now]")
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    default=By.GROUP.value,
    show_default=True,
    help="What a row is.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a line for each thing billed.")
@pass_state
def usage(
    state: State,
    group: str | None,
    start: datetime | None,
    end: datetime | None,
    by: str,
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Show the hours of disk, ACUs and GPUs that GROUP used (default: all groups there were).

    With `prices` in fleet.yml, also what they cost. Days are UTC's. A host that does not answer
    is told; what is printed is without its part then, and the exit code 1. So it is where more is
    asked for than the 13 months that hosts keep.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other")
    report = service.usage(state.tools, group, By(by), _utc(start), _utc(end))
    if as_json:
        print_json(report)
    elif as_csv:
        write_csv(report)
    else:
        print_usage(report)
    _require_complete(report)


def _require_complete(report: UsageReport) -> None:
    if not report.complete:
        raise HostError(
            "incomplete:\n" + "\n".join(report.problems),
            hint="bring hosts that are silent back, `adbray wake` those that sleep, or give them up"
            " with `retired: true` in fleet.yml; what is not kept takes a later --from",
        )


def _utc(at: datetime | None) -> datetime | None:
    return at and at.replace(tzinfo=UTC)
