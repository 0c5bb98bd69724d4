"""What processes have open on slots' disks."""

from __future__ import annotations

import os
import stat
from typing import Any

from adbray_host.cleaning.kinds import KEEP

_DELETED = {
    "what": "deleted files that a process holds open",
    "files": 1,
    "may": KEEP,
    "why": "their room comes back when that process ends",
}


class Held:
    """What processes have open or mapped on some disks, by one look at all processes.

    ``files`` has the name of one process for each file; ``deleted`` those without a name, whose
    room comes back when those processes end.
    """

    def __init__(self, *disks: str) -> None:
        places = [place for disk in disks for place in (disk, os.path.join(disk, "spill"))]
        self._devices = {os.stat(place).st_dev for place in places if os.path.isdir(place)}
        self.files: dict[tuple[int, int], str] = {}
        self._deleted: dict[tuple[int, int], dict[str, Any]] = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            self._look(pid)

    def deleted(self, disk: str) -> list[dict[str, Any]]:
        device = os.stat(disk).st_dev
        return [item for key, item in self._deleted.items() if key[0] == device]

    def _look(self, pid: str) -> None:
        folder = "/proc/" + pid
        try:
            with open(folder + "/comm", errors="replace") as file:
                name = "%s (pid %s)" % (file.read().strip(), pid)
            places = [folder + "/fd/" + number for number in os.listdir(folder + "/fd")]
        except OSError:
            return
        for place in [*places, folder + "/cwd"]:
            try:
                state = os.stat(place)
            except OSError:
                continue
            key = (state.st_dev, state.st_ino)
            if state.st_dev in self._devices:
                self.files[key] = name
                if not state.st_nlink and stat.S_ISREG(state.st_mode):
                    self._deleted[key] = dict(
                        _DELETED, path="held by pid " + pid, bytes=state.st_blocks * 512
                    )
        for key in _mapped(folder):
            if key[0] in self._devices:
                self.files[key] = name


def _mapped(folder: str) -> list[tuple[int, int]]:
    found = set()
    try:
        with open(folder + "/maps", errors="replace") as file:
            for line in file:
                _, _, _, device, inode = line.split(None, 5)[:5]
                if inode != "0":
                    major, _, minor = device.partition(":")
                    found.add((os.makedev(int(major, 16), int(minor, 16)), int(inode)))
    except (OSError, ValueError):
        return []
    return list(found)
