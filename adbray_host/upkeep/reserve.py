"""What a slot's disk keeps from all but a start: a file, and files, that only root can remove."""

from __future__ import annotations

import contextlib
import os

from adbray_host.upkeep.disk import MIB, opened, total_bytes

# Of the disk, kept from all but a start; a start takes some 2 MiB and 150 files.
RESERVE_SHARE, RESERVE_LEAST, RESERVE_MOST = 32, 32 * MIB, 256 * MIB
RESERVE_FILES = 512
START_BYTES, START_FILES = 12 * MIB, 256
# A start has come up by then, and what it did not take is kept again.
START_S = 60


def keep_reserve(disk: str, now: float) -> None:
    """Grow it to its size as far as there is room, but while a start may need what was given."""
    with opened(disk) as base:
        # The directory's owner is root, so that no other user can have made it.
        with contextlib.suppress(FileExistsError):
            os.mkdir(".reserve", 0o700, dir_fd=base)
        with opened(".reserve", at=base) as reserve:
            try:
                # A clock that was ahead left a time that is still to come.
                if 0 <= now - os.stat("given", dir_fd=reserve).st_mtime < START_S:
                    return
            except FileNotFoundError:
                # Made now, for a start may find no room for it.
                touch("given", reserve, 0)
            handle = os.open("room", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=reserve)
            try:
                room, size = os.fstatvfs(handle), os.fstat(handle).st_size
                wanted = min(max(total_bytes(disk) // RESERVE_SHARE, RESERVE_LEAST), RESERVE_MOST)
                more = min(wanted - size, room.f_bavail * room.f_frsize - MIB)
                if more > 0:
                    os.posix_fallocate(handle, size, more)
            finally:
                os.close(handle)
            for number in range(RESERVE_FILES):
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(str(number), os.O_CREAT | os.O_EXCL, 0o600, dir_fd=reserve))


def room(disk: str, now: float) -> None:
    """Give a start what the disk lacks of it; another start, if this fails, has its own part."""
    with contextlib.suppress(FileNotFoundError), opened(os.path.join(disk, ".reserve")) as reserve:
        # First, or what is given would be kept again.
        touch("given", reserve, now)
        status = os.fstatvfs(reserve)
        files = [name for name in os.listdir(reserve) if name.isdigit()]
        if status.f_files and status.f_favail < START_FILES:
            for name in files[:START_FILES]:
                os.unlink(name, dir_fd=reserve)
        lacks = START_BYTES - status.f_bavail * status.f_frsize
        if lacks > 0:
            handle = os.open("room", os.O_RDWR | os.O_NOFOLLOW, dir_fd=reserve)
            os.ftruncate(handle, max(os.fstat(handle).st_size - lacks, 0))
            os.close(handle)


def touch(name: str, folder: int, at: float) -> None:
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    os.utime(handle, (at, at))
    os.close(handle)
