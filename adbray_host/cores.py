"""Bind a slot that starts to CPUs of its own, as many as its size has.

A quota alone says how much a slot gets and not where: one with more threads than cores spreads over
all of them, and whoever shares one with it waits (docs/adr/0027).

Runs as root, from the slot's unit:

    take UNIT COUNT     before its program starts
    drop UNIT           after it has ended

The kernel is the only memory: what other slots are bound to is in their cgroups. Where too few CPUs
are left, since more capacity is declared than there is, its quota alone holds the slot.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys

from adbray_host import layout
from adbray_host.files import read
from adbray_host.locks import locked
from adbray_host.systemd import SYSTEMCTL

# As systemd itself sees them: a unit has its own cgroup for the root of all.
CGROUPS = "/proc/1/root/sys/fs/cgroup"
CPUS = "/sys/devices/system/cpu"
DROP_INS = "/run/systemd/system.control"


def numbers(text: str) -> set[int]:
    """The kernel's list format: 0-3,8 (cgroup-v2, cpuset.cpus)."""
    found: set[int] = set()
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    return found


def held(unit: str) -> set[int]:
    """What the other slots of this host are bound to."""
    found: set[int] = set()
    for folder in glob.glob(os.path.join(CGROUPS, "adbray.slice", "*", "*.service")):
        if os.path.basename(folder) != unit:
            found |= numbers(read(os.path.join(folder, "cpuset.cpus")))
    return found


def cores() -> list[tuple[str, frozenset[int]]]:
    """The cores that are online, each as its NUMA node and its CPUs; that of CPU 0 is the last.

    Interrupts go there unless somebody cares for them, and so does what the system has reserved.
    """
    online = numbers(read(os.path.join(CGROUPS, "cpuset.cpus.effective")))
    found = set()
    for cpu in online:
        folder = os.path.join(CPUS, f"cpu{cpu}")
        siblings = numbers(read(os.path.join(folder, "topology", "thread_siblings_list")))
        node = "".join(sorted(glob.glob(os.path.join(folder, "node[0-9]*"))))
        found.add((os.path.basename(node), frozenset(siblings & online | {cpu})))
    return sorted(found, key=lambda core: (0 in core[1], min(core[1])))


def choose(count: int, taken: set[int]) -> list[int]:
    """CPUs for a slot, or none if too few are free.

    On one NUMA node if it fits there, on the fullest such; whole cores as far as they go, and what
    is left over where a core is shared already.
    """
    free: dict[str, list[tuple[frozenset[int], bool]]] = {}
    for node, cpus in cores():
        if cpus - taken:
            free.setdefault(node, []).append((cpus - taken, not cpus & taken))
    room = {node: sum(len(cpus) for cpus, _ in found) for node, found in free.items()}
    if sum(room.values()) < count:
        return []
    order = sorted(room, key=lambda node: (room[node], node))
    fits = [node for node in order if room[node] >= count]
    pool = free[fits[0]] if fits else [core for node in reversed(order) for core in free[node]]
    chosen: list[int] = []
    for left, whole in pool:
        if whole and len(left) <= count - len(chosen):
            chosen += sorted(left)
    rest = [core for core in pool if not core[0] & set(chosen)]
    for left, _ in sorted(rest, key=lambda core: core[1]):
        chosen += sorted(left)[: count - len(chosen)]
    return sorted(chosen)


def take(unit: str, count: int) -> None:
    with locked(os.path.join(layout.RUN, "cores.lock")):
        cpus = choose(count, held(unit))
        if cpus:
            allowed = "AllowedCPUs=" + " ".join(map(str, cpus))
            command = [SYSTEMCTL, "set-property", "--runtime", unit, allowed]
            subprocess.run(command, timeout=20, check=True)
        else:
            print(f"no CPUs of its own: fewer than {count} are free; its quota alone holds it")


def drop(unit: str) -> None:
    """Nothing stays behind; the CPUs are anybody's again as the unit's cgroup goes."""
    shutil.rmtree(os.path.join(DROP_INS, unit + ".d"), ignore_errors=True)


def main(words: list[str]) -> int:
    if len(words) == 3 and words[0] == "take" and words[2].isdecimal():
        # A container of the lab has none, and all of it is somebody else's machine.
        if "cpuset" in read(os.path.join(CGROUPS, "cgroup.controllers")).split():
            take(words[1], int(words[2]))
    elif len(words) == 2 and words[0] == "drop":
        drop(words[1])
    else:
        print("usage: cores take UNIT COUNT | drop UNIT", file=sys.stderr)
        return 2
    return 0
