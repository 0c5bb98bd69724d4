"""What the slots of a host use, again and again: runs there while it is listened to.

Standard library only, Python 3.7 or newer, and it changes nothing. Arguments: a group, or nothing
for all, and the seconds between two looks. Each look is a line of JSON; it ends with its standard
input.
"""

from __future__ import annotations

import glob
import json
import os
import select
import subprocess
import sys
import time
from typing import Any

ETC = "/etc/adbray"
DATA = "/var/lib/adbray"
CGROUPS = "/sys/fs/cgroup"
PROC = "/proc"
SYSTEMCTL = "systemctl"
SHOWN = "Id,ActiveState,ControlGroup,MainPID,NRestarts"


def read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def records(group: str) -> list[dict[str, Any]]:
    found = []
    for path in sorted(glob.glob(os.path.join(ETC, group or "*", "*.json"))):
        try:
            record = json.loads(read(path))
            if record["kind"] in ("head", "worker"):
                found.append(record)
        except (ValueError, KeyError, TypeError):
            continue
    return found


def units(names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    command = [SYSTEMCTL, "show", "--property=" + SHOWN, "--", *names]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=20, check=False)
    found = {}
    for block in done.stdout.decode().strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        found[fields.get("Id", "")] = fields
    return found


def figures(text: str) -> dict[str, int]:
    """A file of a name and a number a line."""
    pairs = (line.split() for line in text.splitlines())
    return {
        pair[0].rstrip(":"): int(pair[1]) for pair in pairs if len(pair) > 1 and pair[1].isdigit()
    }


def memory(cgroup: str) -> int | None:
    """Bytes that cannot be had back; those of its programs where the kernel counts none."""
    current = read(cgroup + "/memory.current").strip()
    if current.isdigit():
        return int(current) - figures(read(cgroup + "/memory.stat")).get("inactive_file", 0)
    total = 0
    for base, _, _ in os.walk(cgroup):
        for pid in read(base + "/cgroup.procs").split():
            total += figures(read("%s/%s/status" % (PROC, pid))).get("RssAnon", 0) * 1024
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
    name = "head" if record["kind"] == "head" else record["slot"]
    disk = os.path.join(DATA, record["group"], name)
    runs = unit.get("ActiveState") == "active" and bool(unit.get("ControlGroup"))
    cgroup = CGROUPS + unit.get("ControlGroup", "")
    held = (record.get("gpu") or {}).get("isolation")
    store = "%s/%s/root/%s" % (
        PROC,
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
        "cpu_usec": figures(read(cgroup + "/cpu.stat")).get("usage_usec") if runs else None,
        "memory": memory(cgroup) if runs else None,
        "memory_limit": record["memory_mb"] * 2**20,
        "objects": objects[1] if objects else None,
        "spilled": below(disk + "/spill"),
        "disk": size[1] if size else None,
        "disk_size": size[0] if size else None,
        "restarts": int(unit.get("NRestarts") or 0),
    }


def look(group: str) -> list[dict[str, Any]]:
    found = records(group)
    shown = units([record["unit"] for record in found])
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


def main(group: str, every_s: float) -> None:
    before, at = look(group), time.monotonic()
    wait = min(every_s, 1.0)
    while not select.select([0], [], [], wait)[0]:
        now, then = look(group), time.monotonic()
        loads = [dict(one) for one in now]
        shared(loads, before, then - at)
        print(json.dumps({"at": time.time(), "slots": loads}))
        sys.stdout.flush()
        before, at, wait = now, then, every_s


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
