"""Faults of a spec as data: where in the document, what is wrong, what is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from adbray_ctl.core.text import show

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """One thing wrong at ``path``.

    ``of_key`` means the path's last key itself, not its value. ``relative`` means that the rule
    also read keys beside it, so that it says nothing when one of those is faulty.
    """

    path: Path
    what: str
    allowed: str | None = None
    hint: str | None = None
    of_key: bool = False
    relative: bool = False

    @property
    def text(self) -> str:
        """The message, without its file and line."""
        where = show_path(self.path[:-1] if self.of_key else self.path)
        text = f"{where}: {self.what}" if where else self.what
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        return f"{text}; {self.hint}" if self.hint else text


def show_path(path: Path) -> str:
    """``worker_groups[0].disk_gb`` for ``("worker_groups", 0, "disk_gb")``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if re.fullmatch(r"[\w./-]{1,80}", part) else show(part)
            text += f".{key}" if text else key
    return text
