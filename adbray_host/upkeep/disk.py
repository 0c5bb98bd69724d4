"""A slot's disk as all of this reads it. Jobs write there: no link of theirs is followed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

MIB = 2**20
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextlib.contextmanager
def noting(errors: dict[int, str], what: str = "") -> Iterator[None]:
    """Go on after an OSError; the first of each number is added to ``errors``."""
    try:
        yield
    except OSError as error:
        errors.setdefault(error.errno or 0, what + str(error))


@contextlib.contextmanager
def opened(path: str, *, at: int | None = None) -> Iterator[int]:
    handle = os.open(path, FOLDER, dir_fd=at)
    try:
        yield handle
    finally:
        os.close(handle)


def entries(folder: int) -> Iterator[os.DirEntry[str]]:
    """What is in a directory, one by one: jobs may put more there than fits in memory."""
    with os.scandir(folder) as found:
        yield from found


def total_bytes(disk: str) -> int:
    room = os.statvfs(disk)
    return room.f_blocks * room.f_frsize
