"""The command `clean`: shows what lies on one slot's disk, or frees what was chosen of it.

It reads JSON: group, node, and for a removal `free`, the pairs of what and path that may go. What
has come into use since it was chosen is left alone, and its error says why.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import Any

from adbray_host import layout, slot_logs
from adbray_host.cleaning.held import Held
from adbray_host.cleaning.kinds import ASK, FREE
from adbray_host.cleaning.removal import free
from adbray_host.cleaning.survey import Survey
from adbray_host.mounts import is_mounted

WITHIN_S = 20.0


def runs(unit: str) -> bool:
    """Whether the unit has a process, by the cgroups of all processes."""
    name = re.compile("/%s(/|$)" % re.escape(unit), re.MULTILINE)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cgroup" % pid) as file:
                if name.search(file.read()):
                    return True
        except OSError:
            continue
    return False


def room(disk: str) -> dict[str, int]:
    state = os.statvfs(disk)
    return {
        "size": state.f_blocks * state.f_frsize,
        "free": state.f_bavail * state.f_frsize,
        "files": state.f_files,
        "files_free": state.f_favail,
    }


def main(_words: list[str]) -> None:
    print(json.dumps(answer(json.load(sys.stdin))))


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    record = slot_logs.records_of(asked["group"]).get(asked["node"])
    if record is None or not record.get("disk_gb"):
        return {"missing": "no record" if record is None else "no disk"}
    disk = layout.disk_of(record)
    if not is_mounted(disk):
        return {"missing": disk + " is not mounted"}
    alive = runs(record["unit"])
    held = Held(disk)
    items = Survey(disk, alive, time.monotonic() + WITHIN_S, held).items()
    answer: dict[str, Any] = {"path": disk, "runs": alive, "before": room(disk), "items": items}
    chosen = {tuple(one) for one in asked.get("free") or ()}
    if chosen:
        may = (FREE, ASK)
        now_held = Held(disk).files
        answer["items"] = [item for item in items if (item["what"], item["path"]) in chosen]
        for item in answer["items"]:
            allowed = item["may"] in may
            item["error"] = free(disk, item, now_held) if allowed else item["why"]
    return dict(answer, after=room(disk))
