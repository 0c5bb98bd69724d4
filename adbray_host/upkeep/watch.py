"""Keep each slot's disk usable: logs within a bound, and room for the next start. Runs as root.

watch        look at all slots again and again
room DISK    before a start: give it what it needs of the reserve
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time

from adbray_host import layout, mounts
from adbray_host.upkeep.disk import MIB, noting
from adbray_host.upkeep.logs import bound_logs
from adbray_host.upkeep.reserve import keep_reserve, room

DISK = re.compile(r"/[a-z][a-z0-9-]{0,31}/[a-z][a-z0-9-]{0,40}", re.ASCII)
LOOK_S, LOOK_AT_ALL_S = 0.5, 30


class Watch:
    """What was seen of each disk: how full it was, and when all of it was looked at."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int, float]] = {}
        self._failed: dict[str, dict[int, str]] = {}

    def look(self, disk: str, now: float) -> bool:
        """Do what is due; whether the disk fills so fast that the next look should come soon."""
        room = os.statvfs(disk)
        before, files, looked = self._seen.get(disk, (0, 0, 0.0))
        grown = (before - room.f_bfree) * room.f_frsize
        new_files = files - room.f_ffree
        if looked and max(grown, 0) < MIB and new_files < 100 and now - looked < LOOK_AT_ALL_S:
            return False
        self._seen[disk] = (room.f_bfree, room.f_ffree, now)
        cutting = False
        errors: dict[int, str] = {}
        with noting(errors):
            cutting = bound_logs(disk, errors)
        if cutting:
            # What was written meanwhile does not show in what is free.
            del self._seen[disk]
        with noting(errors):
            keep_reserve(disk, now)
        for number in errors.keys() - self._failed.get(disk, {}).keys():
            print(f"{disk}: {errors[number]}", flush=True)
        self._failed[disk] = errors
        return cutting or grown > 16 * MIB


def mounted_disks() -> list[str]:
    """The slots' disks."""
    own = {mount.point for mount in mounts.mounts() if mount.point.startswith(layout.DATA)}
    return sorted(point for point in own if DISK.fullmatch(point[len(layout.DATA) :]))


def watch() -> None:
    seen = Watch()
    while True:
        soon = False
        for disk in mounted_disks():
            # It may be unmounted meanwhile.
            with contextlib.suppress(OSError):
                soon |= seen.look(disk, time.time())
        time.sleep(LOOK_S / 5 if soon else LOOK_S)


def main(words: list[str]) -> int:
    os.umask(0o077)
    try:
        if words == ["watch"]:
            watch()
        elif len(words) == 2 and words[0] == "room":
            room(words[1], time.time())
        else:
            print("usage: disks watch | room DISK", file=sys.stderr)
            return 2
    except OSError as error:
        print("disks: %s" % error, file=sys.stderr)
        return 1
    return 0
