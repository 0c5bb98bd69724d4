"""What lies on a node's disk, whose it is, and what of it `adbray clean` may free."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.foreign import Foreign


class _Cleaning(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")


class May(StrEnum):
    """What may be done with a part of a disk."""

    FREE = "free"
    """No process can use it any more."""
    ASK = "ask"
    """No process has it open, but somebody may want it."""
    KEEP = "keep"
    """It is in use, or needed."""


class DiskItem(_Cleaning):
    """A part of a disk: ``path`` from where the disk is mounted, ``bytes`` as allocated.

    ``path`` stays as it is, so that the host finds it again: it may hold lone halves of characters.
    ``why`` says why it is kept; ``error`` why it could not be freed.
    """

    what: str
    path: str
    bytes: int
    files: int
    may: May
    why: Foreign = ""
    error: Foreign = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.what, self.path


class Room(_Cleaning):
    """In bytes, and in files where a file system counts them."""

    size: int
    free: int
    files: int = 0
    files_free: int = 0

    @property
    def used_share(self) -> float:
        """0 to 1, of bytes or files, whichever is scarcer."""
        shares = [1 - self.free / self.size if self.size else 0.0]
        shares += [1 - self.files_free / self.files] if self.files else []
        return max(shares)


class NodeDisk(_Cleaning):
    """A node's disk on ``host``, mounted at ``path``; ``items``, the largest first.

    After a removal ``items`` are what was to be freed.
    """

    host: str
    path: str
    runs: bool
    before: Room
    after: Room
    items: tuple[DiskItem, ...]

    def chosen(self, *, asked: bool) -> tuple[DiskItem, ...]:
        """What may go; with ``asked``, also what somebody may want."""
        allowed = (May.FREE, May.ASK) if asked else (May.FREE,)
        return tuple(item for item in self.items if item.may in allowed)
