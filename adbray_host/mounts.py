"""What is mounted on a host, and how full it is."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

MOUNTINFO = "/proc/self/mountinfo"


class Mount(NamedTuple):
    """One line of mountinfo; ``root`` is what of the file system is mounted."""

    point: str
    device: str
    root: str
    kind: str
    source: str
    read_only: bool
    project_quota: bool


def mounts() -> list[Mount]:
    """All mounts in the order in which they were made."""
    with open(MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
        return [_mount(line) for line in file]


def mount_at(path: str) -> Mount | None:
    """What is mounted right there, the last on top; os.path.ismount sees no bind mounts."""
    return next((mount for mount in reversed(mounts()) if mount.point == path), None)


def is_mounted(path: str) -> bool:
    return mount_at(path) is not None


def mount_of(path: str) -> Mount:
    """The mount that carries ``path``."""
    carriers = [mount for mount in mounts() if _is_below(path, mount.point)]
    return max(reversed(carriers), key=lambda mount: len(mount.point))


def file_systems(besides: str) -> list[dict[str, Any]]:
    """Those that can carry slots' disks, with their space; none of what is mounted in ``besides``.

    The kernel's own, which have no space at all, are left out.
    """
    found = []
    for mount in mounts():
        if mount.point.startswith(besides + "/"):
            continue
        try:
            stat = os.statvfs(mount.point)
        except OSError:
            continue
        if stat.f_blocks:
            found.append(
                {
                    "point": mount.point,
                    "device": mount.device,
                    "kind": mount.kind,
                    "read_only": mount.read_only,
                    "project_quota": mount.project_quota,
                    "free_files": free_files(stat),
                    **space(stat),
                }
            )
    return found


def space(stat: os.statvfs_result) -> dict[str, float]:
    """What users other than root can have of a file system, and how large it is, in GiB."""
    return {
        "free_gb": stat.f_bavail * stat.f_frsize / 2**30,
        "total_gb": stat.f_blocks * stat.f_frsize / 2**30,
    }


def free_files(stat: os.statvfs_result) -> int | None:
    """How many more files there can be; btrfs and others do not count them."""
    return stat.f_favail if stat.f_files else None


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


def _mount(line: str) -> Mount:
    mount, _, source = line.partition(" - ")
    fields, kind = mount.split(), source.split()
    options = kind[-1].split(",")
    return Mount(
        point=unescaped(fields[4]),
        device=fields[2],
        root=unescaped(fields[3]),
        kind=kind[0],
        source=unescaped(kind[1]),
        read_only="ro" in (*fields[5].split(","), *options),
        # xfs and ext4 say so while limits are enforced, and only then.
        project_quota="prjquota" in options,
    )


def unescaped(text: str) -> str:
    """mountinfo writes spaces and their like as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
