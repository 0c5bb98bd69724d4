#!/usr/bin/python3 -I
"""Keep each slot's disk usable: logs within a bound, and room for the next start. Runs as root.

    watch        look at all slots again and again
    room DISK    before a start: give it what it needs of the reserve

Ray opens every log for appending and rotates its own alone: a job's output and what its child
processes print grow without end. A log above its bound loses its beginning, in place, so that who
writes it goes on. The reserve is a file that only root can remove. Jobs write what is read here: no
link of theirs is followed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import stat
import sys
import time
from collections.abc import Iterator

DATA = "/var/lib/adbray"
MOUNTS = "/proc/self/mountinfo"
PROC = "/proc"

DISK = re.compile(r"/[a-z][a-z0-9-]{0,31}/[a-z][a-z0-9-]{0,40}", re.ASCII)
MIB = 2**20
# Of the disk: one log, and all logs of its sessions together, in bytes and in files.
LOG_SHARE, LOG_MOST = 16, 128 * MIB
LOGS_SHARE = 4
LOGS_FILES = 20_000
# Of the disk, kept from all but a start; a start takes some 2 MiB and 150 files.
RESERVE_SHARE, RESERVE_LEAST, RESERVE_MOST = 32, 32 * MIB, 256 * MIB
RESERVE_FILES = 512
START_BYTES, START_FILES = 12 * MIB, 256
# A start has come up by then, and what it did not take is kept again.
START_S = 60
LOOK_S, LOOK_AT_ALL_S = 0.5, 30
COLLAPSE = 0x08  # FALLOC_FL_COLLAPSE_RANGE
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Other files there are results of tools, useless without their beginning: they only count.
LOG = re.compile(r"\.(log|out|err)(\.\d+)?$", re.ASCII)
NOTICE = "[adbray cut this log: its oldest %d MiB are gone]"
CUT = re.compile(rb"\[adbray cut this log: its oldest (\d{1,9}) MiB are gone\]")


@contextlib.contextmanager
def noting(errors: dict[int, str], what: str = "") -> Iterator[None]:
    """Go on after an OSError; the first of each number is added to ``errors``."""
    try:
        yield
    except OSError as error:
        errors.setdefault(error.errno or 0, what + str(error))


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
    """The slots' disks; os.path.ismount sees no bind mounts."""
    with open(MOUNTS, encoding="utf-8") as file:
        points = {line.split()[4] for line in file}
    return sorted(p for p in points if p.startswith(DATA) and DISK.fullmatch(p[len(DATA) :]))


def watch() -> None:
    seen = Watch()
    while True:
        soon = False
        for disk in mounted_disks():
            # It may be unmounted meanwhile.
            with contextlib.suppress(OSError):
                soon |= seen.look(disk, time.time())
        time.sleep(LOOK_S / 5 if soon else LOOK_S)


@contextlib.contextmanager
def opened(path: str, *, at: int | None = None) -> Iterator[int]:
    handle = os.open(path, FOLDER, dir_fd=at)
    try:
        yield handle
    finally:
        os.close(handle)


def log_folders(disk: str) -> Iterator[tuple[int, str]]:
    """A handle on each directory with logs, of every session, and its name."""
    with contextlib.ExitStack() as stack:
        handle = stack.enter_context(opened(disk))
        for name in ("tmp", "ray"):
            try:
                handle = stack.enter_context(opened(name, at=handle))
            except OSError:
                return
        for session in entries(handle):
            if not session.name.startswith("session_2"):
                continue
            where = os.path.join(session.name, "logs")
            with contextlib.ExitStack() as inner, contextlib.suppress(OSError):
                own = inner.enter_context(opened(session.name, at=handle))
                logs = inner.enter_context(opened("logs", at=own))
                yield logs, where
                # Ray's own are one below; jobs may nest more than can be walked.
                for entry in entries(logs):
                    if entry.is_dir(follow_symlinks=False):
                        with contextlib.suppress(OSError), opened(entry.name, at=logs) as below:
                            yield below, os.path.join(where, entry.name)


def entries(folder: int) -> Iterator[os.DirEntry[str]]:
    """What is in a directory, one by one: jobs may put more there than fits in memory."""
    with os.scandir(folder) as found:
        yield from found


def bound_logs(disk: str, errors: dict[int, str]) -> bool:
    """Cut each log above its bound; remove those of ended processes if all are above theirs.

    What fails on one log is added to ``errors``, and the others are bounded. Returns whether
    there may be more to do at once.
    """
    cutting = False
    size = total_bytes(disk)
    most = min(size // LOG_SHARE, LOG_MOST)
    found: list[tuple[float, int, str, str]] = []
    for folder, where in log_folders(disk):
        for entry in entries(folder):
            with contextlib.suppress(FileNotFoundError):
                told = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(told.st_mode):
                    continue
                if LOG.search(entry.name) and told.st_size > most and told.st_nlink == 1:
                    with noting(errors, ascii(f"{where}/{entry.name}") + " cannot be cut: "):
                        cut(folder, entry.name, most // 2)
                        cutting = True
                # Those beyond are found again when the first are gone.
                if len(found) < 2 * LOGS_FILES:
                    found.append((told.st_mtime, told.st_blocks * 512, where, entry.name))
    crowded = len(found) > LOGS_FILES
    if crowded or sum(one[1] for one in found) > size // LOGS_SHARE:
        removed = remove_ended(disk, found, size // LOGS_SHARE)
        return cutting or (crowded and removed)
    return cutting


def total_bytes(disk: str) -> int:
    room = os.statvfs(disk)
    return room.f_blocks * room.f_frsize


def cut(folder: int, name: str, keep: int) -> None:
    """Take the beginning of a log away, and say so where it begins now."""
    handle = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        told = os.fstat(handle)
        if not stat.S_ISREG(told.st_mode) or told.st_nlink != 1:
            return
        block = os.fstatvfs(handle).f_frsize
        length = (told.st_size - keep) // block * block
        if length <= 0:
            return
        before = CUT.match(os.pread(handle, 80, 0))
        collapse(handle, length)
        notice = (NOTICE % (length // MIB + int(before[1] if before else 0))).encode()
        first = os.pread(handle, 65536, 0)
        end = first.find(b"\n", len(notice))
        os.pwrite(handle, notice.ljust(end if end > 0 else len(notice)), 0)
    finally:
        os.close(handle)


def collapse(handle: int, length: int) -> None:
    """The kernel takes out what comes first; who appends goes on at the new end."""
    library = ctypes.CDLL(None, use_errno=True)
    library.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    if library.fallocate(handle, COLLAPSE, 0, length):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def remove_ended(disk: str, found: list[tuple[float, int, str, str]], most: int) -> bool:
    """Of the logs that no process has open the oldest, until the rest is within nine tenths.

    Whether one was removed.
    """
    removed = False
    in_use = open_files()
    total, count = sum(one[1] for one in found), len(found)
    going = set()
    for _, size, where, name in sorted(found):
        if total <= most * 0.9 and count <= LOGS_FILES * 0.9:
            break
        going.add((where, name))
        total, count = total - size, count - 1
    for folder, where in log_folders(disk):
        for entry in entries(folder):
            with contextlib.suppress(OSError):
                if (where, entry.name) not in going:
                    continue
                told = entry.stat(follow_symlinks=False)
                if (told.st_dev, told.st_ino) not in in_use:
                    os.unlink(entry.name, dir_fd=folder)
                    removed = True
    return removed


def open_files() -> set[tuple[int, int]]:
    """What any process has open, by device and inode."""
    found = set()
    for pid in filter(str.isdigit, os.listdir(PROC)):
        folder = os.path.join(PROC, pid, "fd")
        with contextlib.suppress(OSError):
            for number in os.listdir(folder):
                with contextlib.suppress(OSError):
                    told = os.stat(os.path.join(folder, number))
                    found.add((told.st_dev, told.st_ino))
    return found


def keep_reserve(disk: str, now: float) -> None:
    """Grow it to its size as far as there is room, but while a start may need what was given."""
    with opened(disk) as base:
        # The directory's owner is root, so that nobody else can have made it.
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
        told = os.fstatvfs(reserve)
        files = [name for name in os.listdir(reserve) if name.isdigit()]
        if told.f_files and told.f_favail < START_FILES:
            for name in files[:START_FILES]:
                os.unlink(name, dir_fd=reserve)
        lacks = START_BYTES - told.f_bavail * told.f_frsize
        if lacks > 0:
            handle = os.open("room", os.O_RDWR | os.O_NOFOLLOW, dir_fd=reserve)
            os.ftruncate(handle, max(os.fstat(handle).st_size - lacks, 0))
            os.close(handle)


def touch(name: str, folder: int, at: float) -> None:
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    os.utime(handle, (at, at))
    os.close(handle)


def main(words: list[str]) -> int:
    os.umask(0o077)
    if words == ["watch"]:
        watch()
    elif len(words) == 2 and words[0] == "room":
        room(words[1], time.time())
    else:
        print("usage: disks watch | room DISK", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OSError as error:
        sys.exit(f"disks: {error}")
