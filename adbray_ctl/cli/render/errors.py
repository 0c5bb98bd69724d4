"""Errors on standard error: what, where, and the next step."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

from adbray_ctl.core.errors import AdbrayError, SpecError


def print_error(error: AdbrayError) -> None:
    """Print one error, or every fault of a spec, without markup or wrapping."""
    console = Console(file=sys.stderr, soft_wrap=True, highlight=False)
    faults = error.faults if isinstance(error, SpecError) else ()
    for fault in faults or (error,):
        _print_one(console, fault)
    if len(faults) > 1:
        console.print(Text(f"{len(faults)} errors; nothing was changed"), style="dim")


def _print_one(console: Console, error: AdbrayError) -> None:
    line = Text("error: ", style="bold red")
    if error.where:
        line.append(f"{error.where}: ", style="bold")
    line.append(error.what, style="default")
    console.print(line)
    if error.hint:
        console.print(Text(f"  next: {error.hint}", style="cyan"))
