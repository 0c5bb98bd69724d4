"""A disk as a directory with a project quota of xfs or ext4: nothing to format or to copy."""

from __future__ import annotations

import os
import shutil
import zlib

from . import quota
from .host import remove_if_empty, slots_in

# Where the numbers of projects begin; those that people give by hand are small.
_FIRST = 2**24
_COUNT = 2**30
_PROJECTS = "/etc/projid"


class ProjectStore:
    """The directories below one path, ``<path>/.slots/<name>``; each bears its own number."""

    kind = "none"
    options = "bind,nosuid,nodev,noatime"

    def __init__(self, path: str) -> None:
        self.folder = os.path.join(path, ".slots")

    def source(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def slots(self, group: str) -> set[str]:
        """Those of ``group`` with a directory."""
        return slots_in(self.folder, group, "")

    def size(self, name: str) -> int | None:
        """Its limit in bytes; None where it was not made, or not to its end."""
        folder = self.source(name)
        project = quota.project_of(folder) if os.path.isdir(folder) else 0
        return (quota.limit_and_use(folder, project)[0] or None) if project else None

    def needed(self, sizes: dict[str, int]) -> int:
        """Bytes that must be free for disks of these sizes.

        A quota keeps no space: what all directories here were promised and do not use yet counts.
        """
        promised = 0
        here = os.listdir(self.folder) if os.path.isdir(self.folder) else []
        for name in set(sizes) | set(here):
            folder, known, used = self.source(name), 0, 0
            project = quota.project_of(folder) if os.path.isdir(folder) else 0
            if project:
                known, used = quota.limit_and_use(folder, project)
            promised += max(sizes.get(name, known) - used, 0)
        return promised

    def make(self, name: str, size: int) -> None:
        """The project comes before anything is in it; without its limit it counts as not made."""
        self.remove(name)  # what broke off
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        folder = self.source(name)
        os.mkdir(folder, 0o700)
        project = self._free_project(name)
        quota.put_into(folder, project)
        quota.limit(folder, project, size)

    def grow(self, name: str, size: int, where: str) -> bool:
        """Whether it is mounted at ``where`` or not; always True."""
        del where
        self.resize(name, size)
        return True

    def resize(self, name: str, size: int) -> None:
        folder = self.source(name)
        quota.limit(folder, quota.project_of(folder), size)

    def remove(self, name: str) -> None:
        folder = self.source(name)
        if not os.path.isdir(folder):
            return
        project = quota.project_of(folder)
        shutil.rmtree(folder)
        if project:
            quota.limit(self.folder, project, 0)
        remove_if_empty(self.folder)

    def _free_project(self, name: str) -> int:
        """The same for the same name, unless it is taken: here, by hand, or by files elsewhere."""
        folders = [self.source(other) for other in os.listdir(self.folder)]
        taken = {quota.project_of(folder) for folder in folders if os.path.isdir(folder)}
        taken |= _named_by_hand()
        project = _FIRST + zlib.crc32(name.encode()) % _COUNT
        while project in taken or any(quota.limit_and_use(self.folder, project)):
            project += 1
        return project


def _named_by_hand() -> set[int]:
    if not os.path.exists(_PROJECTS):
        return set()
    with open(_PROJECTS, encoding="utf-8") as file:
        numbers = (line.rpartition(":")[2].strip() for line in file if not line.startswith("#"))
        return {int(number) for number in numbers if number.isdigit()}
