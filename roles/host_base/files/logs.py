#!/usr/bin/python3 -I
"""Keep Ray's logs of workers that ended, packed, off their slots' disks and for a while.

    aside DISK   move the logs in DISK/tmp to DISK/logs; as the slot's user, within its unit
    keep DISK    pack what was moved there, and take it from the slot's disk; as root
    tick         remove what is too old or too much, and start each `keep` that was missed; as root

What ended is moved to DISK/logs/START and packed to ROOT/GROUP/SLOT/START.tar.gz; START is when it
began, in UTC, and the archive's time of change when it ended. Jobs write what is read here: no link
of theirs is followed. Without room there are fewer logs, and nothing else is lost.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from typing import Any

DATA = "/var/lib/adbray"
ROOT = "/var/lib/adbray-logs"
SETTINGS = "/etc/adbray/.kept_logs.json"
SYSTEMCTL = "/usr/bin/systemctl"
RM = "/bin/rm"

DISK = re.compile(r"/(?P<group>[a-z][a-z0-9-]{0,31})/(?P<slot>[a-z][a-z0-9-]{0,40})", re.ASCII)
STARTS = "[0-9]*T[0-9]*Z*"
# Without leap seconds, which those who read a start do not know.
START = re.compile(r"[12]\d{7}T\d{4}[0-5]\dZ(-\d+)?", re.ASCII)
STARTED = "%Y%m%dT%H%M%SZ"
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


def aside(disk: str, now: float) -> None:
    """Move the logs of what ran here; what begins now begins with none."""
    # Not by way of /tmp: no file is moved from one mount to another.
    tmp = os.path.join(disk, "tmp")
    mark = os.path.join(tmp, ".adbray-began")
    for logs in sorted(glob.glob(os.path.join(tmp, "ray", "session_2*", "logs"))):
        # A job may make sessions too, with anything in the place of their logs.
        if os.path.isdir(logs) and os.listdir(logs):
            began = os.stat(mark if os.path.exists(mark) else logs).st_mtime
            name = time.strftime(STARTED, time.gmtime(began))
            os.rename(logs, unused(os.path.join(disk, "logs", name)))
    # Made anew: a job may have put a FIFO there, which would hold the slot up, or a link.
    remove(mark)
    handle = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.utime(handle, (now, now))
    os.close(handle)


def unused(path: str) -> str:
    """``path``, with a number behind it where two began in one second."""
    found, number = path, 2
    while os.path.lexists(found):
        found, number = f"{path}-{number}", number + 1
    return found


def keep(disk: str, now: float) -> None:
    slot = DISK.fullmatch(disk[len(DATA) :])
    if slot is None or not disk.startswith(DATA):
        raise ValueError("no slot's disk: " + disk)
    # One at a time, for it is done beside everything else; a removal of the disk waits for it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with locked(fcntl.LOCK_EX):
        for path in sorted(glob.glob(os.path.join(disk, "logs", STARTS))):
            prune(now)
            try:
                if is_start(os.path.basename(path)):
                    pack(path, os.path.join(ROOT, slot["group"], slot["slot"]))
            finally:
                # Packed or not, its room is the slot's.
                remove(path)
        prune(now)


def is_start(name: str) -> bool:
    """Whether it is named as `aside` does it: jobs may make others beside."""
    try:
        time.strptime(name[:16], STARTED)
    except ValueError:
        return False
    return START.fullmatch(name) is not None


def remove(path: str) -> None:
    """Whatever a job made of it. Python's own `rmtree` waits at a FIFO for somebody who writes."""
    subprocess.run([RM, "-rf", "--", path], check=False)


@contextlib.contextmanager
def locked(how: int) -> Iterator[None]:
    os.makedirs(ROOT, mode=0o700, exist_ok=True)
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


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
        for name, told in last_written(path):
            data = tail(path, name, min(FILE_BYTES, room))
            if data is None:
                continue
            room -= len(data)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), told.st_mtime, 0o600
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
                told = os.lstat(full)
                if stat.S_ISREG(told.st_mode):
                    found.append((os.path.relpath(full, path), told))
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
        told = os.fstat(handles[-1])
        if not stat.S_ISREG(told.st_mode):
            return None
        return os.pread(handles[-1], most, max(told.st_size - most, 0))
    except OSError:
        return None
    finally:
        for handle in handles:
            os.close(handle)


def settings() -> dict[str, int]:
    """What fleet.yml says; the defaults where a file is missing or broken."""
    try:
        with open(SETTINGS, encoding="utf-8") as file:
            told = json.load(file)
        return {key: int(told[key]) for key in DEFAULTS}
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULTS


def archives() -> list[tuple[str, os.stat_result]]:
    """All that is kept, the oldest first."""
    found = []
    for path in glob.glob(os.path.join(ROOT, "*", "*", "*.tar.gz")):
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
    for path in glob.glob(os.path.join(ROOT, "*", "*", "*.new")):
        os.unlink(path)
    told, kept = settings(), archives()
    disk = os.statvfs(ROOT)
    total = sum(one.st_size for _, one in kept)
    free = (disk.f_bavail - disk.f_blocks * FREE_SHARE) * disk.f_frsize
    allowed = min(told["max_mb"] * MIB, total + free)
    of_slot: dict[str, int] = {}
    for path, _ in kept:
        of_slot[os.path.dirname(path)] = of_slot.get(os.path.dirname(path), 0) + 1
    for path, one in kept:
        folder = os.path.dirname(path)
        old = one.st_mtime < now - told["days"] * DAY_S
        if old or total > allowed or of_slot[folder] > MOST_OF_A_SLOT:
            os.unlink(path)
            total -= one.st_size
            of_slot[folder] -= 1
    for folder in (*glob.glob(os.path.join(ROOT, "*", "*")), *glob.glob(os.path.join(ROOT, "*"))):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def tick(now: float) -> None:
    # Whoever holds the lock prunes itself.
    with contextlib.suppress(BlockingIOError), locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
        prune(now)
    waiting = glob.glob(os.path.join(DATA, "*", "*", "logs", STARTS))
    disks = {os.path.dirname(os.path.dirname(path)) for path in waiting}
    units = [f"adbray-logs@{escaped(disk)}.service" for disk in sorted(disks)]
    if units:
        subprocess.run([SYSTEMCTL, "start", "--no-block", "--", *units], check=False, timeout=20)


def escaped(path: str) -> str:
    """As `systemd-escape --path` does it for names of groups and slots."""
    return path.strip("/").replace("-", "\\x2d").replace("/", "-")


def main(words: list[str]) -> int:
    os.umask(0o077)
    now = time.time()
    if words == ["tick"]:
        tick(now)
    elif len(words) == 2 and words[0] in ("aside", "keep"):
        (aside if words[0] == "aside" else keep)(words[1], now)
    else:
        print("usage: logs aside DISK | keep DISK | tick", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError) as error:
        sys.exit(f"logs: {error}")
