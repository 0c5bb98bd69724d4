"""Whether the cluster's store has room for what a job uploads."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.errors import ClusterError, UsageError
from adbray_ctl.core.jobs.working_dir import DirectoryFile, largest
from adbray_ctl.core.text import size

_MIB = 1024 * 1024
# From this share on a status says how full the store is.
_NEARLY = 0.75


class UploadRoom(BaseModel):
    """What the cluster's store takes, in bytes, as its head says (adbray_ctl/in_ray/uploads).

    ``room`` is the largest package that fits now, ``largest`` the one that fits an empty store;
    ``used`` of ``share`` are taken. An unused package goes after ``kept_s`` seconds.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    limit: int
    share: int
    used: int
    room: int
    largest: int
    kept_s: int

    @property
    def line(self) -> str:
        """What a status says of it; empty while there is room enough."""
        if not self.limit or self.used < _NEARLY * self.share:
            return ""
        return (
            f"the store has room for packages of {size(self.room)}: {size(self.used)} of"
            f" {size(self.share)} are taken (redis.maxmemory_mb: {self.limit // _MIB})"
        )


def check_room(directory: str, files: Sequence[DirectoryFile], room: UploadRoom) -> None:
    """Raise UsageError or ClusterError if the cluster's store has no room for ``directory``.

    Ray packs without compression, so that a package is as large as its files.
    """
    total = sum(file.size for file in files)
    if total <= room.room:
        return
    if total > room.largest:
        raise UsageError(
            f"the directory holds {size(total)}; the cluster's store, of"
            f" {room.limit // _MIB} MiB, takes {size(room.largest)} at most."
            f" Largest: {largest(files)}",
            where=directory,
            hint="list large files in its .gitignore, or raise redis.maxmemory_mb",
        )
    raise ClusterError(
        f"the directory holds {size(total)}, and the cluster's store has room for"
        f" {size(room.room)}: {size(room.used)} of {size(room.share)} are taken",
        where=directory,
        hint=f"try again: packages go {room.kept_s} s after their upload, or when the last job that"
        " uses them ends; or list large files in its .gitignore, or raise redis.maxmemory_mb",
    )
