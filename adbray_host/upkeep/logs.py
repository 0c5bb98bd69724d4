"""Bound the logs on a slot's disk.

Ray opens every log for appending and rotates its own alone: a job's output and what its child
processes print grow without end. A log above its bound loses its beginning, in place, so that what
writes it goes on.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import stat
from collections.abc import Iterator

from adbray_host import layout
from adbray_host.upkeep.disk import MIB, entries, noting, opened, total_bytes

# Of the disk: one log, and all logs of its sessions together, in bytes and in files.
LOG_SHARE, LOG_MOST = 16, 128 * MIB
LOGS_SHARE = 4
LOGS_FILES = 20_000
COLLAPSE = 0x08  # FALLOC_FL_COLLAPSE_RANGE
# Other files there are results of tools, useless without their beginning: they only count.
LOG = re.compile(r"\.(log|out|err)(\.\d+)?$", re.ASCII)
NOTICE = "[adbray cut this log: its oldest %d MiB are gone]"
CUT = re.compile(rb"\[adbray cut this log: its oldest (\d{1,9}) MiB are gone\]")


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
                status = entry.stat(follow_symlinks=False)
                if not stat.S_ISREG(status.st_mode):
                    continue
                if LOG.search(entry.name) and status.st_size > most and status.st_nlink == 1:
                    with noting(errors, ascii(f"{where}/{entry.name}") + " cannot be cut: "):
                        cut(folder, entry.name, most // 2)
                        cutting = True
                # Those beyond are found again when the first are gone.
                if len(found) < 2 * LOGS_FILES:
                    found.append((status.st_mtime, status.st_blocks * 512, where, entry.name))
    crowded = len(found) > LOGS_FILES
    if crowded or sum(one[1] for one in found) > size // LOGS_SHARE:
        removed = remove_ended(disk, found, size // LOGS_SHARE)
        return cutting or (crowded and removed)
    return cutting


def cut(folder: int, name: str, keep: int) -> None:
    """Take the beginning of a log away, and say so where it begins now."""
    handle = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            return
        block = os.fstatvfs(handle).f_frsize
        length = (status.st_size - keep) // block * block
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
                status = entry.stat(follow_symlinks=False)
                if (status.st_dev, status.st_ino) not in in_use:
                    os.unlink(entry.name, dir_fd=folder)
                    removed = True
    return removed


def open_files() -> set[tuple[int, int]]:
    """What any process has open, by device and inode."""
    found = set()
    for pid in filter(str.isdigit, os.listdir(layout.PROC)):
        folder = os.path.join(layout.PROC, pid, "fd")
        with contextlib.suppress(OSError):
            for number in os.listdir(folder):
                with contextlib.suppress(OSError):
                    status = os.stat(os.path.join(folder, number))
                    found.add((status.st_dev, status.st_ino))
    return found
