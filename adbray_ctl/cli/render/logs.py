"""Lines of logs, and what is kept of them, on standard output."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from adbray_ctl.cli.render.tables import make_console, plain_table, when
from adbray_ctl.core.node_logs import KeptLog, LogLine


def print_line(line: LogLine, *, alone: bool) -> None:
    """One line; where others may stand between, behind the name of its log."""
    click.echo(line.text if alone else f"{click.style(line.source, fg='cyan')} | {line.text}")


def print_json_line(line: LogLine) -> None:
    """One line as JSON."""
    click.echo(json.dumps(line._asdict()))


def print_kept(kept: Sequence[KeptLog]) -> None:
    """One row for each worker that ended, the oldest first."""
    table = plain_table("node", "host", "start", "began", "ended", "KiB")
    for one in kept:
        times = (when(one.began_at), when(one.ended_at))
        table.add_row(one.slot, one.host, one.start, *times, str(-(-one.size // 1024)))
    make_console().print(table if kept else "nothing is kept")
