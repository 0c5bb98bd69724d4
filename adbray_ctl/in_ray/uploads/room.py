"""How large a package may be: what Redis may hold, what it holds, and what is on its way there.

Ray keeps packages (working directories, py_modules, wheels) in the GCS, so in Redis. Redis refuses
writes at ``maxmemory``. While it takes a large value it holds the value twice, and its allocator
rounds sizes up by as much as a quarter: a package needs 2.5 times its size for a moment (measured,
docs/adr/0029). Some room is left for what the cluster itself has to write.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024
# What Ray's dashboard takes in one request (DASHBOARD_CLIENT_MAX_SIZE), less the zip's index.
LARGEST = 99 * MIB
# Up to this size packages may fill the store to its last 8 MiB: most working directories are small.
SMALL, _LAST = MIB // 4, 8 * MIB
_TWICE_ROUNDED_UP = 2.5


@dataclass(frozen=True)
class Store:
    """Bytes: ``limit`` is maxmemory (0: none is set), ``used`` the data.

    ``coming`` is what was let in and is not written yet.
    """

    limit: int
    used: int
    coming: int = 0

    @property
    def share(self) -> int:
        """What packages may fill; an eighth of the limit, 24 MiB at least, is not theirs."""
        return self.limit - max(24 * MIB, self.limit // 8)

    @property
    def room(self) -> int:
        """The largest package that fits now."""
        if not self.limit:
            return LARGEST
        free = self.share - self.used - int(self.coming * _TWICE_ROUNDED_UP)
        small = min(SMALL, self.limit - _LAST - self.used)
        return max(min(LARGEST, int(free / _TWICE_ROUNDED_UP)), small, 0)

    @property
    def largest(self) -> int:
        """The largest package that fits when there is no other."""
        if not self.limit:
            return LARGEST
        return max(min(LARGEST, int((self.share - 4 * MIB) / _TWICE_ROUNDED_UP)), 0)


def refusal(store: Store, size: int, kept_s: int) -> str:
    """Why a package of ``size`` bytes is not taken and what to do; empty if it is.

    ``kept_s`` is how long a package is kept that no job uses.
    """
    if size <= store.room:
        return ""
    if size > LARGEST:
        return (
            f"the package has {_mib(size)}; Ray's dashboard takes {_mib(LARGEST)} at most. Leave"
            " large files out (.gitignore), or name a package by its URL (https://, s3://)"
        )
    if size > store.largest:
        return (
            f"the package has {_mib(size)}; the cluster's store (redis.maxmemory_mb:"
            f" {store.limit // MIB}) takes {_mib(store.largest)} at most. Leave large files out"
            " (.gitignore), name a package by its URL (https://), or raise redis.maxmemory_mb"
        )
    return (
        f"the package has {_mib(size)}, and the cluster's store has room for {_mib(store.room)}:"
        f" {_mib(store.used)} of {_mib(store.share)} are taken. Packages go {kept_s} s after their"
        " upload, or when the last job that uses them ends: try again then, leave large files out"
        " (.gitignore), or raise redis.maxmemory_mb"
    )


def _mib(size: int) -> str:
    return f"{size / MIB:.1f} MiB"
