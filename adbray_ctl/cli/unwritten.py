"""Faults of a text that was refused before it was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from adbray_ctl.core.errors import SpecError, UsageError


@contextmanager
def without_lines(what: str, hint: str) -> Iterator[None]:
    """Tell the first fault as one of the command line: nobody can look its line up.

    Raises UsageError. A fault with a hint is one of the file as it stands, and stays.
    """
    try:
        yield
    except SpecError as error:
        if error.hint:
            raise
        first, *others = error.faults
        more = f" (and {len(others)} more)" if others else ""
        raise UsageError(f"{what}: {first.what}{more}", hint=hint) from error
