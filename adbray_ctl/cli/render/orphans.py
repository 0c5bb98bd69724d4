"""Orphans as a table, each with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from adbray_ctl.cli.render.tables import make_console, plain_table, when
from adbray_ctl.core.orphans import Orphan, OrphanReport

_SHOWN = 6


def print_report(report: OrphanReport) -> None:
    """The orphans, then what was not looked at."""
    console = make_console()
    if report.orphans:
        print_orphans(report.orphans)
    elif not report.problems:
        console.print("no orphans")
    for note in report.notes:
        console.print(Text(f"not looked at: {note}", "dim"), soft_wrap=True)
    for problem in report.problems:
        console.print(Text(f"! {problem}", "red"), soft_wrap=True)


def print_orphans(orphans: Sequence[Orphan]) -> None:
    """One row each."""
    table = plain_table("kind", "place", "name", "runs", "changed", "made by", "what")
    for one in orphans:
        more = f" and {len(one.what) - _SHOWN} more" if len(one.what) > _SHOWN else ""
        what = Text(", ".join(one.what[:_SHOWN]) + more)
        what.append(f"\nnext: {one.remedy}", "cyan")
        runs = Text("yes", "yellow") if one.runs else Text("no")
        changed = when(one.changed_at)
        table.add_row(one.kind, one.place, one.name, runs, changed, one.whose, what)
    make_console().print(table)
