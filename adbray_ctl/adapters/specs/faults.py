"""Faults of spec files: what is wrong, in which file and line."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from adbray_ctl.core.errors import SpecError


def summary(faults: list[SpecError]) -> SpecError:
    """One error for all; a lone fault is its own summary."""
    if len(faults) == 1:
        only = faults[0]
        return SpecError(only.what, where=only.where, hint=only.hint, faults=tuple(faults))
    files = dict.fromkeys((fault.where or "").rsplit(":", 1)[0] for fault in faults)
    return SpecError(f"{len(faults)} faults in {', '.join(files)}", faults=tuple(faults))


def error_at(path: Path, line: int, what: str) -> SpecError:
    return SpecError(what, where=f"{show_file(path)}:{line}")


def unreadable(path: Path, error: Exception) -> SpecError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return summary([SpecError(f"cannot be read: {reason}", where=show_file(path))])


def show_file(path: Path) -> str:
    """A path for a message: from the working directory on, if inside; odd characters escaped."""
    with contextlib.suppress(OSError, ValueError):
        path = path.relative_to(Path.cwd())
    text = os.fspath(path)
    return text if text.isprintable() else ascii(text)
