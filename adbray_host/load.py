"""The command `load GROUP SECONDS`: what the slots of a host use, a line of JSON each look.

GROUP is a group, or nothing for all; SECONDS are those between two looks. It ends with its
standard input.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from typing import Any

from adbray_host import files, layout, records, systemd

_SHOWN = ("ActiveState", "ControlGroup", "MainPID", "NRestarts")


def figures(text: str) -> dict[str, int]:
    """A file of a name and a number a line."""
    pairs = (line.split() for line in text.splitlines())
    return {
        pair[0].rstrip(":"): int(pair[1]) for pair in pairs if len(pair) > 1 and pair[1].isdigit()
    }


def memory(cgroup: str) -> int | None:
    """Bytes that cannot be had back; those of its programs where the kernel counts none."""
    current = files.read(cgroup + "/memory.current").strip()
    if current.isdigit():
        return int(current) - figures(files.read(cgroup + "/memory.stat")).get("inactive_file", 0)
    total = 0
    for base, _, _ in os.walk(cgroup):
        for pid in files.read(base + "/cgroup.procs").split():
            total += (
                figures(files.read("%s/%s/status" % (layout.PROC, pid))).get("RssAnon", 0) * 1024
            )
    return total or None


def taken(path: str) -> tuple[int, int] | None:
    """Size and use of the file system at ``path``, in bytes."""
    try:
        state = os.statvfs(path)
    except OSError:
        return None
    return state.f_blocks * state.f_frsize, (state.f_blocks - state.f_bfree) * state.f_frsize


def below(path: str) -> int:
    """Bytes of the files below ``path``."""
    total = 0
    for base, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(base, name)).st_blocks * 512
            except OSError:
                continue
    return total


def load(record: dict[str, Any], unit: dict[str, str]) -> dict[str, Any]:
    disk = layout.disk_of(record)
    runs = unit.get("ActiveState") == "active" and bool(unit.get("ControlGroup"))
    cgroup = layout.CGROUPS + unit.get("ControlGroup", "")
    held = (record.get("gpu") or {}).get("isolation")
    store = "%s/%s/root/%s" % (
        layout.PROC,
        unit.get("MainPID"),
        "run/adbray-objects" if held == "mps" else "dev/shm",
    )
    objects = taken(store) if runs else None
    size = taken(disk) if os.path.isdir(disk) else None
    return {
        "group": record["group"],
        "slot": record["slot"],
        "kind": record["kind"],
        "runs": runs,
        "cpus": record["cpus"],
        "cpu_usec": figures(files.read(cgroup + "/cpu.stat")).get("usage_usec") if runs else None,
        "memory": memory(cgroup) if runs else None,
        "memory_limit": record["memory_mb"] * 2**20,
        "objects": objects[1] if objects else None,
        "spilled": below(disk + "/spill"),
        "disk": size[1] if size else None,
        "disk_size": size[0] if size else None,
        "restarts": int(unit.get("NRestarts") or 0),
    }


def look(group: str) -> list[dict[str, Any]]:
    found = [one for one in records.of(group or "*") if one["kind"] in ("head", "worker")]
    try:
        shown = systemd.show([record["unit"] for record in found], _SHOWN)
    except systemd.SystemdError:
        shown = {}
    return [load(record, shown.get(record["unit"], {})) for record in found]


def shared(now: list[dict[str, Any]], before: list[dict[str, Any]], seconds: float) -> None:
    """Cores in use, from what was used between two looks."""
    was = {(one["group"], one["slot"]): one["cpu_usec"] for one in before}
    for one in now:
        then = was.get((one["group"], one["slot"]))
        used = one["cpu_usec"]
        # A start in between has its own count.
        known = None not in (then, used) and used >= then
        one["cores"] = round((used - then) / 1e6 / seconds, 3) if known else None
    for one in now:
        one.pop("cpu_usec")


def main(words: list[str]) -> None:
    group, every_s = words[0], float(words[1])
    before, at = look(group), time.monotonic()
    wait = min(every_s, 1.0)
    while not select.select([0], [], [], wait)[0]:
        now, then = look(group), time.monotonic()
        loads = [dict(one) for one in now]
        shared(loads, before, then - at)
        print(json.dumps({"at": time.time(), "slots": loads}))
        sys.stdout.flush()
        before, at, wait = now, then, every_s
