"""Lines of logs, and what is kept of them, on standard output."""

from __future__ import annotations

from collections.abc import Sequence

from adbray_ctl.cli.render.screen import Table, Text, say
from adbray_ctl.cli.render.tables import when
from adbray_ctl.core.observed.logs import KeptLog, LogLine


def print_line(line: LogLine, *, alone: bool) -> None:
    """One line; where others may stand between, behind the name of its log."""
    say(line.text if alone else Text(line.source, "cyan").append(f" | {line.text}"))


def print_kept(kept: Sequence[KeptLog]) -> None:
    """One row for each worker that ended, the oldest first."""
    table = Table("node", "host", "start", "began", "ended", "KiB")
    for one in kept:
        times = (when(one.began_at), when(one.ended_at))
        table.add(one.slot, one.host, one.start, *times, str(-(-one.size // 1024)))
    say(table if kept else "nothing is kept")
