"""What takes the most of disks that are almost full."""

from __future__ import annotations

import time
from typing import Any

from adbray_host.cleaning.held import Held
from adbray_host.cleaning.kinds import OWN
from adbray_host.cleaning.survey import Survey

# From here on the status says what takes the room; the looks at all disks of a host take so long.
NEARLY, LOOK_S = 0.95, 5.0


def add(disks: list[dict[str, Any]]) -> None:
    """Add what takes the most of each that is almost full, as far as there is time for it."""
    full = [use for use in disks if max(_share(use), use.get("files_share", 0.0)) >= NEARLY]
    if not full:
        return
    until = time.monotonic() + LOOK_S
    held = Held(*(use["path"] for use in full))
    for use in full:
        try:
            items = Survey(use["path"], True, until, held).items()
        except OSError:
            items = []
        by_files = sorted(items, key=lambda one: -one["files"])
        use["largest"] = [
            "%s, %d MiB in %s (%s)" % (i["what"], i["bytes"] >> 20, _count(i["files"]), i["path"])
            for i in (by_files if _share(use) < NEARLY else items)[:3]
            if i["what"] not in OWN.values()
        ]


def _count(files: int) -> str:
    return "1 file" if files == 1 else "%d files" % files


def _share(use: dict[str, Any]) -> float:
    return float(use["used_mb"] / use["size_mb"]) if use["size_mb"] else 0.0
