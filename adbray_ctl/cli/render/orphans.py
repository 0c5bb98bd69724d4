"""Orphans as a table, each with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from adbray_ctl.cli.render.screen import Table, Text, say
from adbray_ctl.cli.render.tables import when
from adbray_ctl.core.orphans import Orphan, OrphanReport

_SHOWN = 6


def print_report(report: OrphanReport) -> None:
    """The orphans, then what was not looked at."""
    if report.orphans:
        print_orphans(report.orphans)
    elif not report.problems:
        say("no orphans")
    for note in report.notes:
        say(Text(f"not looked at: {note}", "dim"))
    for problem in report.problems:
        say(Text(f"! {problem}", "red"))


def print_orphans(orphans: Sequence[Orphan]) -> None:
    """One row each."""
    table = Table("kind", "place", "name", "runs", "changed", "made by", "what")
    for one in orphans:
        more = f" and {len(one.what) - _SHOWN} more" if len(one.what) > _SHOWN else ""
        what = Text(", ".join(one.what[:_SHOWN]) + more)
        what.append(f"\nnext: {one.remedy}", "cyan")
        runs = Text("yes", "yellow") if one.runs else Text("no")
        changed = when(one.changed_at)
        table.add(one.kind, one.place, one.name, runs, changed, one.whose, what)
    say(table)
