"""Errors on standard error: what, where, and the next step."""

from __future__ import annotations

import io
import traceback
from pathlib import Path

import click

from adbray_ctl.cli.render.screen import Text, say
from adbray_ctl.core.errors import AdbrayError, SpecError


def print_error(error: AdbrayError) -> None:
    """Print one error, or every fault of a spec, none of it wrapped."""
    faults = error.faults if isinstance(error, SpecError) else ()
    for fault in faults or (error,):
        _print_one(fault)
    if len(faults) > 1:
        say(Text(f"{len(faults)} errors; nothing was changed", "dim"), err=True)


def print_usage_error(error: click.ClickException) -> None:
    """A command line that click refuses, with what click says about it."""
    words = _Words()
    error.show(words)
    say(words.getvalue().removesuffix("\n"), err=True)


def print_fault(error: BaseException, report: Path | None) -> None:
    """A fault of adbray itself, in one line; ``report`` is the file with the traceback.

    The error's own text may hold a secret, and stays in the file.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    kept = f"the traceback is in {report}" if report else "no file could be written about it"
    what = f"adbray has a fault, {type(error).__name__}{place}: {kept}; please report it"
    say(Text("error: ", "bold red").append(what), err=True)


class _Words(io.StringIO):
    """Click takes sequences for terminals out of what is for none, and they are to be seen."""

    def isatty(self) -> bool:
        return True


def _print_one(error: AdbrayError) -> None:
    line = Text("error: ", "bold red")
    if error.where:
        line.append(f"{error.where}: ", "bold")
    say(line.append(error.what), err=True)
    if error.hint:
        say(Text(f"  next: {error.hint}", "cyan"), err=True)
