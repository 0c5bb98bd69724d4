"""What the ways of making a disk share: commands, changes, mounts and free space."""

from __future__ import annotations

import glob
import os
import subprocess

from ..mounts import mount_at

GIB = 2**30
KEPT = "/var/lib/adbray/.images"


class DiskError(Exception):
    """A disk cannot be made as asked."""


class Host:
    """Remembers what was, or in check mode would be, changed, and what should be told of it."""

    def __init__(self, check_mode: bool) -> None:
        self.check_mode = check_mode
        self.actions: list[str] = []
        self.warnings: list[str] = []

    def change(self, action: str) -> bool:
        """Remember a change; True when it is to be carried out as well."""
        self.actions.append(action)
        return not self.check_mode


def run(*command: str, accepted: tuple[int, ...] = (0,)) -> str:
    try:
        result = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except FileNotFoundError as error:
        raise DiskError(f"{command[0]} is missing on this host") from error
    if result.returncode not in accepted:
        raise DiskError(f"{' '.join(command)} failed: {result.stdout.strip()}")
    return result.stdout


def mounted(path: str) -> str | None:
    """The device mounted at ``path``, None where nothing is."""
    found = mount_at(path)
    return found.source if found else None


def nearest(path: str) -> str:
    """``path``, or the directory above it that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def remove_if_empty(folder: str) -> None:
    """But not that of the role host_base, which every group on the host has."""
    if folder != KEPT and os.path.isdir(folder) and not os.listdir(folder):
        os.rmdir(folder)


def free_bytes(path: str) -> int:
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize


def used_bytes(folder: str, without: tuple[str, ...] = ()) -> int:
    """What is allocated to the files below ``folder``, but for those in its folders ``without``."""
    total = 0
    for base, folders, files in os.walk(folder):
        if base == folder:
            folders[:] = [name for name in folders if name not in without]
        for name in files:
            try:
                total += os.lstat(os.path.join(base, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def slots_in(folder: str, group: str, *ends: str) -> set[str]:
    """The slots of ``group`` that own an entry of ``folder`` called GROUP.SLOT[.spill]END."""
    found = set()
    for end in ends:
        pattern = os.path.join(glob.escape(folder), f"{group}.*{end}")
        names = (os.path.basename(path) for path in glob.glob(pattern))
        found |= {name[: len(name) - len(end)].split(".")[1] for name in names}
    return found
