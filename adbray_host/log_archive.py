"""What is kept of workers' logs: archives, within the bounds that fleet.yml sets.

Jobs write what is packed here: no link of theirs is followed.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import io
import os
import stat
import tarfile
from typing import Any

from adbray_host import files, layout

DAY_S = 86400
MIB = 2**20
DEFAULTS = {"days": 14, "max_mb": 2048}
# A worker that fails each second must not push out what the others left.
MOST_OF_A_SLOT = 50
# Of each file the end; of each start the files that were written last.
FILE_BYTES = 16 * MIB
START_BYTES = 256 * MIB
# Of the file system, left to the host whatever the settings allow.
FREE_SHARE = 0.05


def pack(path: str, folder: str) -> None:
    """One directory to one archive; without room for it, older ones make some."""
    if not settings()["max_mb"]:
        return
    ended = os.lstat(path).st_ctime
    target = os.path.join(folder, os.path.basename(path) + ".tar.gz")
    while True:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        try:
            with open(target + ".new", "wb") as file:
                write(file, path)
                os.fsync(file.fileno())
            break
        except OSError as error:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target + ".new")
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or not drop_oldest():
                raise
    os.utime(target + ".new", (ended, ended))
    os.rename(target + ".new", target)


def write(file: Any, path: str) -> None:
    room = START_BYTES
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=4) as archive:
        for name, status in last_written(path):
            data = tail(path, name, min(FILE_BYTES, room))
            if data is None:
                continue
            room -= len(data)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), status.st_mtime, 0o600
            archive.addfile(entry, io.BytesIO(data))
            if room <= 0:
                break


def last_written(path: str) -> list[tuple[str, os.stat_result]]:
    """The plain files below ``path`` by name, the one that was written last first."""
    found = []
    for base, _, names in os.walk(path):
        for name in names:
            full = os.path.join(base, name)
            with contextlib.suppress(OSError):
                status = os.lstat(full)
                if stat.S_ISREG(status.st_mode):
                    found.append((os.path.relpath(full, path), status))
    return sorted(found, key=lambda one: -one[1].st_mtime)


def tail(path: str, name: str, most: int) -> bytes | None:
    """The end of a file, each step of whose way is no link; None for what cannot be read."""
    handles = []
    try:
        handles.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))
        *folders, last = name.split(os.sep)
        for folder in folders:
            how = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            handles.append(os.open(folder, how, dir_fd=handles[-1]))
        how = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        handles.append(os.open(last, how, dir_fd=handles[-1]))
        status = os.fstat(handles[-1])
        if not stat.S_ISREG(status.st_mode):
            return None
        return os.pread(handles[-1], most, max(status.st_size - most, 0))
    except OSError:
        return None
    finally:
        for handle in handles:
            os.close(handle)


def settings() -> dict[str, int]:
    """What fleet.yml says; the defaults where a file is missing or broken."""
    found = files.read_json(layout.KEPT_LOGS_SETTINGS) or {}
    try:
        return {key: int(found[key]) for key in DEFAULTS}
    except (ValueError, KeyError, TypeError):
        return DEFAULTS


def archives() -> list[tuple[str, os.stat_result]]:
    """All that is kept, the oldest first."""
    found = []
    for path in glob.glob(os.path.join(layout.KEPT_LOGS, "*", "*", "*.tar.gz")):
        with contextlib.suppress(OSError):
            found.append((path, os.stat(path)))
    return sorted(found, key=lambda one: one[1].st_mtime)


def drop_oldest() -> bool:
    kept = archives()
    for path, _ in kept[:1]:
        os.unlink(path)
    return bool(kept)


def prune(now: float) -> None:
    """Remove what broke off, what is too old, and the oldest of what is too much."""
    for path in glob.glob(os.path.join(layout.KEPT_LOGS, "*", "*", "*.new")):
        os.unlink(path)
    bounds, kept = settings(), archives()
    disk = os.statvfs(layout.KEPT_LOGS)
    total = sum(one.st_size for _, one in kept)
    free = (disk.f_bavail - disk.f_blocks * FREE_SHARE) * disk.f_frsize
    allowed = min(bounds["max_mb"] * MIB, total + free)
    of_slot: dict[str, int] = {}
    for path, _ in kept:
        of_slot[os.path.dirname(path)] = of_slot.get(os.path.dirname(path), 0) + 1
    for path, one in kept:
        folder = os.path.dirname(path)
        old = one.st_mtime < now - bounds["days"] * DAY_S
        if old or total > allowed or of_slot[folder] > MOST_OF_A_SLOT:
            os.unlink(path)
            total -= one.st_size
            of_slot[folder] -= 1
    for folder in (
        *glob.glob(os.path.join(layout.KEPT_LOGS, "*", "*")),
        *glob.glob(os.path.join(layout.KEPT_LOGS, "*")),
    ):
        with contextlib.suppress(OSError):
            os.rmdir(folder)
