"""A run's progress: a live table of hosts and steps on a terminal, one line an event elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from adbray_ctl.cli.render.screen import LiveView, Table, Text, say
from adbray_ctl.core.events import (
    Cell,
    HostResult,
    Note,
    Outcome,
    Progress,
    RunEvent,
    StepStarted,
    fold,
)


class ProgressView:
    """Context manager; calling it with an event shows that event."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._progress = Progress()
        self._started = time.monotonic()
        self._live = LiveView(self._table, err=True)

    @property
    def progress(self) -> Progress:
        return self._progress

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def __enter__(self) -> Self:
        if self._live.possible:
            self._live.__enter__()
        else:
            say(self._title, err=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live.possible:
            self._live.__exit__(kind, error, trace)

    def __call__(self, event: RunEvent) -> None:
        self._progress = fold(self._progress, event)
        # A table has no place for a warning, which is to stay in sight: it is printed above.
        line = _warning(event) if self._live.possible else _line(event)
        if line:
            self._live.say(f"{self.elapsed_s:6.1f}s  {line}")

    def _table(self) -> Table:
        progress = self._progress
        table = Table(f"{self._title}  {self.elapsed_s:.0f} s", *progress.steps)
        for host in progress.hosts:
            cells = [progress.cells.get((host, step), Cell()) for step in progress.steps]
            table.add(host, *(_cell(cell) for cell in cells))
        table.add(Text(progress.current, "dim"))
        return table


def _cell(cell: Cell) -> Text:
    if cell.failed:
        return Text("failed", "bold red")
    if cell.changed:
        return Text(f"{cell.changed} changed", "yellow")
    return Text("ok", "green") if cell.ok else Text("")


def _line(event: RunEvent) -> str:
    match event:
        case Note(text=text):
            return text
        case StepStarted():
            return f"step {event.number} of {event.total}: {event.title}"
        case HostResult(outcome=Outcome.CHANGED):
            line = f"{event.host}: {event.step}: {event.task}: changed"
            return f"{line}: {event.message}" if event.message else line
        case HostResult(outcome=Outcome.FAILED | Outcome.UNREACHABLE):
            return f"{event.host}: {event.step}: {event.task}: {event.outcome}"
        case _:
            return _warning(event)


def _warning(event: RunEvent) -> str:
    match event:
        case HostResult(outcome=Outcome.OK | Outcome.CHANGED, message=message) if message:
            return f"{event.host}: {message}"
        case _:
            return ""
