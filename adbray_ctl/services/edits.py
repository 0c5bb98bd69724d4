"""Edits of spec files that a command makes: refused without lines, put back if nothing happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from adbray_ctl.core.errors import SpecError, UsageError
from adbray_ctl.core.events import RunEvent, StepStarted
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.core.protocols.runs import Report
from adbray_ctl.core.protocols.specs import ProjectFiles


@contextmanager
def edited(
    project: ProjectFiles, group: str | None, before: str, console: Console
) -> Iterator[Report]:
    """The block applies an edit of a file, whose text was ``before``; gives what watches the run.

    However the block fails, the file is put back unless nodes were being changed. The file is that
    of ``group``, or fleet.yml for None.
    """
    touched = False

    def watch(event: RunEvent) -> None:
        nonlocal touched
        touched = touched or touches(event)

    try:
        yield watch
    except BaseException:
        if not touched:
            project.put_back(group, before)
            file = f"groups/{group}.yml" if group else "fleet.yml"
            console.note(f"nothing was changed, and {file} is as it was")
        raise


def touches(event: RunEvent) -> bool:
    """Whether nodes are changed from now on."""
    return isinstance(event, StepStarted) and bool(event.nodes)


@contextmanager
def without_lines(what: str, hint: str) -> Iterator[None]:
    """Show the first fault as one of the command line: its line is in no file that exists.

    Raises UsageError. A fault with a hint is one that the file had before, and stays.
    """
    try:
        yield
    except SpecError as error:
        if error.hint:
            raise
        first, *others = error.faults
        more = f" (and {len(others)} more)" if others else ""
        raise UsageError(f"{what}: {first.what}{more}", hint=hint) from error
