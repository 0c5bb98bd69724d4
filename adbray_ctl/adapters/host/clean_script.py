"""Shows what lies on one slot's disk, or frees what was chosen of it: runs on the slot's host.

Standard library only, Python 3.7 or newer. It reads JSON: group, node, and for a removal
`free`, the pairs of what and path that may go. What has come into use since it was chosen is left
alone, and its error says why.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import Any

from adbray_ctl.adapters.host import slot_files, slot_logs
from adbray_ctl.adapters.host.file_systems import is_mounted

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


def main(asked: dict[str, Any]) -> dict[str, Any]:
    record = slot_logs.records(asked["group"]).get(asked["node"])
    if record is None or not record.get("disk_gb"):
        return {"missing": "no record" if record is None else "no disk"}
    disk = slot_logs.disk_of(record)
    if not is_mounted(disk):
        return {"missing": disk + " is not mounted"}
    alive = runs(record["unit"])
    held = slot_files.Held(disk)
    items = slot_files.Survey(disk, alive, time.monotonic() + WITHIN_S, held).items()
    answer: dict[str, Any] = {"path": disk, "runs": alive, "before": room(disk), "items": items}
    chosen = {tuple(one) for one in asked.get("free") or ()}
    if chosen:
        may = (slot_files.FREE, slot_files.ASK)
        now_held = slot_files.Held(disk).files
        answer["items"] = [item for item in items if (item["what"], item["path"]) in chosen]
        for item in answer["items"]:
            free = item["may"] in may
            item["error"] = slot_files.free(disk, item, now_held) if free else item["why"]
    return dict(answer, after=room(disk))


print(json.dumps(main(json.load(sys.stdin))))
