"""Who listens on which TCP port of a host."""

from __future__ import annotations

import glob
import os
from typing import Any

from adbray_host import files

_LISTEN = "0A"


def listeners() -> list[dict[str, Any]]:
    """Every TCP port that something listens on, with who that is."""
    sockets = {}
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in files.read(path).splitlines()[1:]:
            parts = line.split()
            if parts[3] == _LISTEN:
                sockets[parts[9]] = int(parts[1].rpartition(":")[2], 16)
    owners = _owners(set(sockets))
    found = []
    for inode, port in sorted(sockets.items(), key=lambda item: item[1]):
        pid = owners.get(inode, 0)
        name = files.read("/proc/%d/comm" % pid).strip() if pid else ""
        found.append({"port": port, "pid": pid, "process": name, "unit": _unit_of(pid)})
    return found


def _owners(inodes: set[str]) -> dict[str, int]:
    """The process of each socket."""
    owners: dict[str, int] = {}
    for folder in glob.glob("/proc/[0-9]*/fd"):
        try:
            for name in os.listdir(folder):
                target = os.readlink(os.path.join(folder, name))
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    owners.setdefault(target[8:-1], int(folder.split("/")[2]))
        except OSError:
            continue  # the process has ended, or closed this one
    return owners


def _unit_of(pid: int) -> str:
    """The systemd unit that ``pid`` is in, by the name of its control group."""
    for line in files.read("/proc/%d/cgroup" % pid).splitlines() if pid else ():
        parts = [part for part in line.split(":", 2)[2].split("/") if part.endswith(".service")]
        if parts:
            return parts[-1]
    return ""
