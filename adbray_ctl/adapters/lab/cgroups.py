"""Processes and control groups of a lab, also of hosts that were forgotten."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

from adbray_ctl.adapters.lab import machine
from adbray_ctl.adapters.lab.processes import container_inits, end, members

_STOP_WITHIN_S = 20.0


def stop_all(lab: str, base: Path) -> int:
    """End every host, also those nobody remembers; says how many ran."""
    inits = list(container_inits(base).values())
    vms = sum(bool(members(group)) for group in _cgroups(lab, "vm*"))
    end(inits, within_s=_STOP_WITHIN_S, first=signal.SIGRTMIN + 4)  # systemd: power off
    for group in _cgroups(lab, "*"):
        end(members(group), within_s=2)
    return len(inits) + vms


def remove_cgroups(pattern: str) -> None:
    # nspawn makes one in every hierarchy of a machine with cgroup v1.
    for root in {machine.cgroup_root(), *Path("/sys/fs/cgroup").glob("*/")}:
        for top in root.glob(pattern):
            for folder in sorted(top.rglob("*/"), key=lambda path: -len(path.parts)):
                _rmdir(folder)
            _rmdir(top)


def _cgroups(lab: str, hosts: str) -> Iterator[Path]:
    return machine.cgroup_root().glob(f"adbray-{lab}-{hosts}")


def _rmdir(folder: Path) -> None:
    for _ in range(20):
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)  # the last process of the cgroup is still on its way out
