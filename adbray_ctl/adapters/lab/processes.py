"""Finding and ending a lab's processes, also those that lost their nspawn."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from adbray_ctl.adapters.lab.shell import read_text, unescaped


def container_inits(below: Path) -> dict[Path, int]:
    """Each PID 1 of a container whose root lies below ``below``, by its overlay's upper layer.

    A killed nspawn leaves its container running, so processes are found by where their root is
    mounted from, which nobody can lose, rather than by a pid file.
    """
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _is_init(entry):
            upper = _upper(entry)
            if upper is not None and below in upper.parents:
                found[upper] = int(entry.name)
    return found


def members(cgroup: Path) -> list[int]:
    """All processes in ``cgroup`` and below it."""
    files = [cgroup / "cgroup.procs", *cgroup.rglob("cgroup.procs")]
    return sorted({int(pid) for file in files for pid in read_text(file).split()})


def end(pids: Sequence[int], *, within_s: float, first: int = signal.SIGTERM) -> None:
    """Signal ``first``, wait up to ``within_s`` seconds, then SIGKILL what is left, and wait."""
    left = list(pids)
    if within_s > 0:
        left = _await_end(_signal(left, first), within_s)
    _await_end(_signal(left, signal.SIGKILL), 10)


def _signal(pids: Sequence[int], number: int) -> list[int]:
    alive = []
    for pid in pids:
        try:
            os.kill(pid, number)
            alive.append(pid)
        except ProcessLookupError:
            continue
    return alive


def _await_end(pids: Sequence[int], within_s: float) -> list[int]:
    deadline = time.monotonic() + within_s
    left = [pid for pid in pids if _alive(pid)]
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [pid for pid in left if _alive(pid)]
    return left


def _alive(pid: int) -> bool:
    stat = read_text(Path(f"/proc/{pid}/stat"))
    return bool(stat) and stat.rpartition(")")[2].split()[0] != "Z"


def _is_init(process: Path) -> bool:
    for line in read_text(process / "status").splitlines():
        if line.startswith("NSpid:"):
            numbers = line.split()[1:]
            return len(numbers) > 1 and numbers[-1] == "1"
    return False


def _upper(process: Path) -> Path | None:
    """The upper layer of the overlay that is the process's root, from its own mount table."""
    for line in read_text(process / "mountinfo").splitlines():
        fields = line.split()
        if fields[4] == "/" and "upperdir=" in fields[-1]:
            return Path(unescaped(fields[-1].rpartition("upperdir=")[2].split(",")[0]))
    return None
