"""Usage as a table, and as CSV."""

from __future__ import annotations

import csv
import io

from adbray_ctl.cli.render.screen import Table, Text, say
from adbray_ctl.core.usage.usage import By, Item, UsageItem, UsageReport, UsageRow, named

_COLUMNS = {
    By.GROUP: ("group",),
    By.WORKER_GROUP: ("group", "worker group"),
    By.DAY: ("day", "group"),
}
_CSV = (
    *("from", "to", "day", "group", "worker_group"),
    *("item", "gpu_model", "gpu_unit", "quantity", "cost", "currency"),
)


def print_usage(report: UsageReport) -> None:
    """One row each and their sum, then what is not in it."""
    say(Text(f"from {report.start} to {report.end}", "dim"))
    if report.rows:
        _print_table(report)
    else:
        say("nothing ran")
    for note in report.notes:
        say(Text(note, "dim"))
    for problem in report.problems:
        say(Text(f"! {problem}", "red"))


def write_csv(report: UsageReport) -> None:
    """A line for each thing that is billed of each row; no sum."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(_CSV)
    for row in report.rows:
        for one in row.items:
            writer.writerow(
                (
                    *(report.start, report.end, row.day, row.group, row.worker_group),
                    *(one.item, one.gpu_model, one.gpu_unit, _plain(one.quantity)),
                    *("" if one.cost is None else _plain(one.cost), report.currency or ""),
                )
            )
    say(lines.getvalue().removesuffix("\n"))


def _print_table(report: UsageReport) -> None:
    keys = _COLUMNS[report.by]
    costs = (f"cost {report.currency}",) if report.currency else ()
    table = Table(*keys, "node hours", "disk GiB-hours", "ACU-hours", "GPU-hours", *costs)
    for row in report.rows:
        names = {"group": row.group, "worker group": row.worker_group, "day": row.day}
        table.add(*(names[key] for key in keys), *_figures(row, report))
    table.add("all", *("" for _ in keys[1:]), *_figures(report.total, report), style="bold")
    say(table)


def _figures(row: UsageRow, report: UsageReport) -> list[str]:
    found = [_hours(row.node_hours)]
    for item in Item:
        items = [_item(one) for one in row.items if one.item is item]
        found.append("\n".join(items) or "-")
    if report.currency:
        found.append("?" if row.cost is None else f"{row.cost:,.2f}")
    return found


def _item(one: UsageItem) -> str:
    hours = _hours(one.quantity)
    return f"{hours} of {named(one.gpu_model)}, unit {one.gpu_unit}" if one.gpu_unit else hours


def _hours(quantity: float) -> str:
    return f"{quantity:,.2f}"


def _plain(figure: float) -> str:
    """Without an exponent, which some programs do not read."""
    return f"{figure:.6f}".rstrip("0").rstrip(".")
