"""Logs of the slots of a host.

It reads as root what jobs may have written, so that no link is followed: a log that leads elsewhere
is none.
"""

from __future__ import annotations

import glob
import io
import os
import re
import stat
import tarfile
import time
from typing import Any

from adbray_host import layout, records

# A start: without leap seconds, which those who read it do not know.
START = re.compile(r"[12]\d{7}T\d{4}[0-5]\dZ(-\d+)?", re.ASCII)
STARTED = "%Y%m%dT%H%M%SZ"


def records_of(group: str) -> dict[str, dict[str, Any]]:
    """The records of the group's slots that are here, by slot."""
    return {str(record["slot"]): record for record in records.of(group)}


def session_files(disk: str) -> list[tuple[str, os.stat_result]]:
    """The logs of the session that ran last, by their way from ``disk``; last written, last."""
    sessions = glob.glob(os.path.join(disk, "tmp", "ray", "session_2*"))
    sessions = [one for one in sessions if not os.path.islink(one)]
    if not sessions:
        return []
    session = max(sessions, key=lambda one: os.lstat(one).st_mtime)
    found = []
    for base, _, names in os.walk(os.path.join(session, "logs")):
        for name in names:
            path = os.path.join(base, name)
            try:
                state = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISREG(state.st_mode) and state.st_size:
                found.append((os.path.relpath(path, disk), state))
    return sorted(found, key=lambda one: one[1].st_mtime)


def shown(name: str) -> str:
    """A log's name as people know it: without its session's directory."""
    return name.partition("/logs/")[2] or name


def opened(base: str, name: str) -> int | None:
    """A plain file below ``base``, no step of whose way is a link; the caller closes it."""
    how = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(base, how | os.O_DIRECTORY)
    parts = name.split("/")
    for part in parts:
        last = part is parts[-1]
        try:
            inner = os.open(part, how if last else how | os.O_DIRECTORY, dir_fd=handle)
        except OSError:
            return None
        finally:
            os.close(handle)
        handle = inner
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        return None
    return handle


def tail(base: str, name: str, most: int, part: bool = False) -> str:
    """The last whole lines of a log, of at most ``most`` bytes; ``part`` as for `whole_lines`."""
    try:
        handle = opened(base, name)
    except OSError:
        handle = None
    if handle is None:
        return ""
    try:
        size = os.fstat(handle).st_size
        data = os.pread(handle, most, max(size - most, 0))
    except OSError:
        return ""
    finally:
        os.close(handle)
    return whole_lines(data, size > most, part)


def whole_lines(data: bytes, cut: bool, part: bool = False) -> str:
    """Without the first line where it was cut: half a secret is one that nobody finds.

    With ``part``, for who may see secrets, its end is given where there is no other line.
    """
    if cut:
        data = data.partition(b"\n")[2] or (data if part else b"")
    return data.decode("utf-8", "replace")


def kept(group: str, slot: str = "*") -> list[dict[str, Any]]:
    """What is kept of workers that ended, the oldest first."""
    found = []
    for path in glob.glob(os.path.join(layout.KEPT_LOGS, group, slot, "*.tar.gz")):
        start = os.path.basename(path)[: -len(".tar.gz")]
        try:
            state = os.stat(path)
        except OSError:
            continue
        if not is_start(start):
            continue
        found.append(
            {
                "slot": os.path.basename(os.path.dirname(path)),
                "start": start,
                "ended_at": state.st_mtime,
                "size": state.st_size,
            }
        )
    return sorted(found, key=lambda one: str(one["start"]))


def is_start(name: str) -> bool:
    """Whether it says when it began: jobs could once have others packed."""
    try:
        time.strptime(name[:16], STARTED)
    except ValueError:
        return False
    return START.fullmatch(name) is not None


def kept_files(
    group: str, slot: str, start: str, most: int, part: bool = False
) -> list[tuple[str, str]]:
    """The logs in one archive, each as `tail` gives it; last written, last."""
    found = []
    path = os.path.join(layout.KEPT_LOGS, group, slot, start + ".tar.gz")
    with tarfile.open(path, mode="r:gz") as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.isreg() else None
            if file is not None:
                data = _end(file, most)
                text = whole_lines(data, entry.size > most, part)
                found.append((entry.mtime, entry.name, text))
    return [(name, text) for _, name, text in sorted(found)]


def _end(file: Any, most: int) -> bytes:
    file.seek(-most, io.SEEK_END) if file.seek(0, io.SEEK_END) > most else file.seek(0)
    data: bytes = file.read()
    return data
