"""The file systems of a host and what fills its slots' disks: travels with the scripts that ask.

Standard library only, Python 3.7 or newer, and it changes nothing.
"""

from __future__ import annotations

import os
from typing import Any

MOUNTS = "/proc/self/mountinfo"


def unescaped(text: str) -> str:
    """mountinfo writes spaces and their like as octal numbers."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def mounts() -> list[dict[str, Any]]:
    """All mounts in the order in which they were made."""
    found = []
    with open(MOUNTS) as file:
        for line in file:
            mount, _, source = line.partition(" - ")
            fields, kind = mount.split(), source.split()
            found.append(
                {
                    "point": unescaped(fields[4]),
                    "device": fields[2],
                    "kind": kind[0],
                    "read_only": "ro" in (fields[5] + "," + kind[2]).split(","),
                    # xfs and ext4 say so while limits are enforced, and only then.
                    "project_quota": "prjquota" in kind[2].split(","),
                }
            )
    return found


def is_mounted(path: str) -> bool:
    """Whether something is mounted right there; os.path.ismount sees no bind mounts."""
    return any(mount["point"] == path for mount in mounts())


def file_systems(besides: str) -> list[dict[str, Any]]:
    """Those that can carry slots' disks, with their space; none of what is mounted in ``besides``.

    The kernel's own, which have no space at all, are left out.
    """
    found = []
    for mount in mounts():
        if mount["point"].startswith(besides + "/"):
            continue
        try:
            stat = os.statvfs(mount["point"])
        except OSError:
            continue
        if stat.f_blocks:
            mount["free_gb"] = stat.f_bavail * stat.f_frsize / 2**30
            mount["total_gb"] = stat.f_blocks * stat.f_frsize / 2**30
            mount["free_files"] = stat.f_favail if stat.f_files else None
            found.append(mount)
    return found


def disk_use(disk: str) -> dict[str, Any]:
    """How full a slot's disk is: by its quota where it has one, as its processes see it."""
    found = {"path": disk, "size_mb": 0, "used_mb": 0}
    if is_mounted(disk):
        stat = os.statvfs(disk)
        found["size_mb"] = stat.f_blocks * stat.f_frsize // 2**20
        found["used_mb"] = (stat.f_blocks - stat.f_bavail) * stat.f_frsize // 2**20
        found["files_share"] = 1 - stat.f_favail / stat.f_files if stat.f_files else 0.0
        found["read_only"] = bool(stat.f_flag & os.ST_RDONLY)
    return found
