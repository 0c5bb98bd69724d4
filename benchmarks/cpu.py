"""CPU-seconds by control group: of a command with all it starts, and of the hosts of a lab."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adbray_ctl.adapters.lab.machine import cgroup_root

# What a command leaves behind, as ssh's kept connections, counts too; it is ended afterwards.
ENTER = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
GONE_WITHIN_S = 10.0


@dataclass(frozen=True)
class Used:
    """What a command took."""

    wall_s: float
    control_cpu_s: float
    hosts_cpu_s: float = 0.0

    @property
    def cpu_s(self) -> float:
        return self.control_cpu_s + self.hosts_cpu_s


def used_by(command: Sequence[str], cwd: Path, hosts: Iterable[int] = (), **more: str) -> Used:
    """Run ``command`` with ``more`` as environment; ``hosts`` are the PIDs 1 of a lab's hosts.

    Raises CalledProcessError, with what was printed, if it fails.
    """
    groups = [cgroup_of(pid) for pid in hosts]
    own = cgroup_root() / f"adbray-benchmark-{os.getpid()}"
    own.mkdir()
    try:
        before, began = sum(map(cpu_s, groups)), time.monotonic()
        done = subprocess.run(
            ["sh", "-c", ENTER, str(own), *command],
            cwd=cwd,
            env={**os.environ, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        wall = time.monotonic() - began
        spent = Used(wall, cpu_s(own), sum(map(cpu_s, groups)) - before)
    finally:
        _remove(own)
    if done.returncode:
        raise subprocess.CalledProcessError(
            done.returncode, list(command), done.stdout, done.stderr
        )
    return spent


def cgroup_of(pid: int) -> Path:
    """The outermost control group that ``pid`` is in: of a lab's host, that of the host."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    path = next(line for line in lines if line.startswith("0::")).removeprefix("0::/")
    return cgroup_root() / path.partition("/")[0]


def cpu_s(group: Path) -> float:
    """Of all that ever ran in ``group`` and in those below it."""
    fields = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(fields["usage_usec"]) / 1e6


def _remove(group: Path) -> None:
    until = time.monotonic() + GONE_WITHIN_S
    while group.exists() and time.monotonic() < until:
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM)
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.2)
