"""What lies on a slot's disk, whose it is, and what of it may go: sent there with other scripts.

Standard library only, Python 3.7 or newer. It reads as root what jobs may have written, so that no
link is followed, and nothing on another disk is looked at.
"""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import time
from typing import Any

# What may be done with it: freed, freed when asked for, or nothing, with a reason.
FREE, ASK, KEEP = "free", "ask", "keep"
RM = "/bin/rm"
# From here on the status says what takes the room; the looks at all disks of a host take so long.
NEARLY, LOOK_S = 0.95, 5.0
# Ray nests its own files less; what jobs nest deeper is not counted.
DEEPEST = 40
ET_CORE = 4
JOBS, OPERATOR, SESSION = "files of jobs", "files of an operator", "files of a session"
ENDED_LOGS = "logs of ended processes"
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
OWN = {
    ".reserve": "the room that adbray keeps for a start",
    "logs": "what adbray writes down here",
    "gcs": "Ray's own state",
    "lost+found": "of the file system",
}


class Held:
    """What processes have open or mapped on some disks, by one look at all processes.

    ``files`` has the name of one process for each file; ``deleted`` those without a name, whose
    room comes back when those processes end.
    """

    def __init__(self, *disks: str) -> None:
        places = [place for disk in disks for place in (disk, os.path.join(disk, "spill"))]
        self._devices = {os.stat(place).st_dev for place in places if os.path.isdir(place)}
        self.files: dict[tuple[int, int], str] = {}
        self._deleted: dict[tuple[int, int], dict[str, Any]] = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            self._look(pid)

    def deleted(self, disk: str) -> list[dict[str, Any]]:
        device = os.stat(disk).st_dev
        return [item for key, item in self._deleted.items() if key[0] == device]

    def _look(self, pid: str) -> None:
        folder = "/proc/" + pid
        try:
            with open(folder + "/comm", errors="replace") as file:
                name = "%s (pid %s)" % (file.read().strip(), pid)
            places = [folder + "/fd/" + number for number in os.listdir(folder + "/fd")]
        except OSError:
            return
        for place in [*places, folder + "/cwd"]:
            try:
                state = os.stat(place)
            except OSError:
                continue
            key = (state.st_dev, state.st_ino)
            if state.st_dev in self._devices:
                self.files[key] = name
                if not state.st_nlink and stat.S_ISREG(state.st_mode):
                    self._deleted[key] = dict(
                        _DELETED, path="held by pid " + pid, bytes=state.st_blocks * 512
                    )
        for key in _mapped(folder):
            if key[0] in self._devices:
                self.files[key] = name


def _mapped(folder: str) -> list[tuple[int, int]]:
    found = set()
    try:
        with open(folder + "/maps", errors="replace") as file:
            for line in file:
                _, _, _, device, inode = line.split(None, 5)[:5]
                if inode != "0":
                    major, _, minor = device.partition(":")
                    found.add((os.makedev(int(major, 16), int(minor, 16)), int(inode)))
    except (OSError, ValueError):
        return []
    return list(found)


def largest(disks: list[dict[str, Any]]) -> None:
    """Add what takes the most of each that is almost full, as far as there is time for it."""
    full = [use for use in disks if max(_share(use), use.get("files_share", 0.0)) >= NEARLY]
    if not full:
        return
    until = time.monotonic() + LOOK_S
    held = Held(*(use["path"] for use in full))
    for use in full:
        try:
            items = Survey(use["path"], True, until, held).items()
        except OSError:
            items = []
        by_files = sorted(items, key=lambda one: -one["files"])
        use["largest"] = [
            "%s, %d MiB in %s (%s)" % (i["what"], i["bytes"] >> 20, _count(i["files"]), i["path"])
            for i in (by_files if _share(use) < NEARLY else items)[:3]
            if i["what"] not in OWN.values()
        ]


def _count(files: int) -> str:
    return "1 file" if files == 1 else "%d files" % files


def _share(use: dict[str, Any]) -> float:
    return float(use["used_mb"] / use["size_mb"]) if use["size_mb"] else 0.0


class Survey:
    """One look at all of a disk, until a time of the monotonic clock.

    ``runs`` says that the slot's unit has processes.
    """

    def __init__(self, disk: str, runs: bool, until: float, held: Held) -> None:
        self.disk, self.runs = disk, runs
        self.held, self._until = held, until
        self._seen: set[tuple[int, int]] = set()
        self._items: dict[tuple[str, str], dict[str, Any]] = {}
        self._live = {latest_session(disk)} if runs else set()
        self._cut: set[str] = set()
        self._device = 0

    def items(self) -> list[dict[str, Any]]:
        """What there is, the largest first; what was not looked at in time is left out."""
        base = os.open(self.disk, FOLDER)
        try:
            self._device = os.fstat(base).st_dev
            self._walk(base, [])
        finally:
            os.close(base)
        for item in self._items.values():
            self._judge(item)
            if item["may"] != KEEP and self._is_cut(item["path"]):
                item["may"], item["why"] = KEEP, "not seen whole"
        return sorted(
            [*self._items.values(), *self.held.deleted(self.disk)], key=lambda one: -one["bytes"]
        )

    def _walk(self, handle: int, parts: list[str]) -> None:
        here = os.fstat(handle)
        if here.st_dev != self._device and parts[:1] != ["spill"]:
            return
        if parts:
            self._count(parts, here, handle, "")
        # One by one: there may be millions.
        with os.scandir(handle) as entries:
            for entry in entries:
                if time.monotonic() > self._until:
                    self._cut.add("/".join(parts))
                    return
                try:
                    self._enter(handle, [*parts, entry.name], entry)
                except OSError:
                    continue

    def _enter(self, handle: int, parts: list[str], entry: os.DirEntry[str]) -> None:
        if not entry.is_dir(follow_symlinks=False):
            self._count(parts, entry.stat(follow_symlinks=False), handle, entry.name)
        elif len(parts) > DEEPEST:
            self._cut.add("/".join(parts[:-1]))
        else:
            inner = os.open(entry.name, FOLDER, dir_fd=handle)
            try:
                self._walk(inner, parts)
            finally:
                os.close(inner)

    def _count(self, parts: list[str], state: os.stat_result, handle: int, name: str) -> None:
        key = (state.st_dev, state.st_ino)
        core = name.startswith("core") and stat.S_ISREG(state.st_mode) and is_core(handle, name)
        user = self.held.files.get(key, "")
        what, path = ("core files", "/".join(parts)) if core else classed(parts, bool(user))
        if user and parts[1:2] == ["ray"]:
            self._live.add("/".join(parts[:3]))
        if not what or key in self._seen:
            return
        self._seen.add(key)
        item = self._items.setdefault((what, path), dict(_EMPTY, what=what, path=path))
        item["bytes"] += state.st_blocks * 512
        item["files"] += bool(name)
        item["held"] = item["held"] or user
        item["root"] = item["root"] or state.st_uid == 0

    def _is_cut(self, path: str) -> bool:
        """Whether something in it was not looked at: a process may use that."""
        return any(one == path or one.startswith(path + "/") for one in self._cut)

    def _judge(self, item: dict[str, Any]) -> None:
        what, held = item["what"], item.pop("held")
        root = item.pop("root")
        item["may"], item["why"] = KEEP, ""
        if what in OWN.values():
            item["why"] = _RESERVE if what == OWN[".reserve"] else "adbray or Ray needs it"
        elif what in (JOBS, OPERATOR, "core files"):
            item["what"] = OPERATOR if root and what == JOBS else what
            item["may"], item["why"] = (ASK, "") if what != "core files" else (FREE, "")
            if held:
                item["may"], item["why"] = KEEP, held + " uses it"
        elif what == "logs in use":
            item["why"] = "processes write there; adbray cuts what grows too large"
        elif what == ENDED_LOGS:
            item["may"] = FREE
        elif what == SESSION and item["path"] not in self._live:
            item["what"], item["may"] = "an ended session", FREE
        elif self.runs or held:
            item["why"] = "Ray uses it; what it does not need goes with the end of the node"
        else:
            item["may"] = FREE


def latest_session(disk: str) -> str:
    """The session that Ray says is the last, by its way from the disk."""
    try:
        link = os.path.join(disk, "tmp", "ray", "session_latest")
        return "tmp/ray/" + os.path.basename(os.readlink(link))
    except OSError:
        return ""


_DELETED = {
    "what": "deleted files that a process holds open",
    "files": 1,
    "may": KEEP,
    "why": "their room comes back when that process ends",
}
_RESERVE = "adbray's reserve, of a fixed size"
_EMPTY = {"bytes": 0, "files": 0, "held": "", "root": False}


def classed(parts: list[str], used: bool) -> tuple[str, str]:
    """What a file is by its way from the disk, and the path it is counted under."""
    if parts[0] in OWN:
        return OWN[parts[0]], parts[0]
    if parts[0] == "spill":
        return ("spilled objects", "spill") if parts[1:] else ("", "")
    if parts[0] != "tmp":
        return OPERATOR, parts[0]
    if parts[1:2] != ["ray"]:
        own = not parts[1:] or parts[1].startswith(".adbray")
        return ("", "") if own else (JOBS, "/".join(parts[:2]))
    session = "/".join(parts[:3])
    if len(parts) < 4 or not parts[2].startswith("session_2"):
        return "", ""
    if parts[3] == "logs" and len(parts) > 4:
        return ("logs in use" if used else ENDED_LOGS), session + "/logs"
    if parts[3] == "runtime_resources":
        return "packages and environments of jobs", session + "/runtime_resources"
    return SESSION, session


def is_core(folder: int, name: str) -> bool:
    """Whether a process left it when it crashed: ELF, of the type core."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return False
    try:
        head = os.read(handle, 18)
    except OSError:
        return False
    finally:
        os.close(handle)
    return head[:4] == b"\x7fELF" and struct.unpack("<H", head[16:18])[0] == ET_CORE


def free(disk: str, item: dict[str, Any], held: dict[tuple[int, int], str]) -> str:
    """Remove it; why it could not be, or nothing. No step of the way there may be a link."""
    *folders, last = item["path"].split("/")
    handles = [os.open(disk, FOLDER)]
    try:
        for folder in folders:
            handles.append(os.open(folder, FOLDER, dir_fd=handles[-1]))
        if item["what"] == ENDED_LOGS:
            handles.append(os.open(last, FOLDER, dir_fd=handles[-1]))
            _free_files(handles[-1], held)
            return ""
        if item["path"] == "spill":
            handles.append(os.open(last, FOLDER, dir_fd=handles[-1]))
            names = os.listdir(handles[-1])
        else:
            names = [last]
        # rm follows no link on its way down, however jobs change what is there.
        command = [RM, "-rf", "--one-file-system", "--", *("./" + name for name in names)]
        where = "/proc/self/fd/%d" % handles[-1]
        done = subprocess.run(
            command, cwd=where, pass_fds=(handles[-1],), stderr=subprocess.PIPE, check=False
        )
        return done.stderr.decode(errors="replace").strip()[:300]
    except OSError as error:
        return str(error)
    finally:
        for handle in handles:
            os.close(handle)


def _free_files(base: int, held: dict[tuple[int, int], str]) -> None:
    for _, _, names, handle in os.fwalk(".", dir_fd=base):
        for name in names:
            try:
                state = os.stat(name, dir_fd=handle, follow_symlinks=False)
                if (state.st_dev, state.st_ino) not in held:
                    os.unlink(name, dir_fd=handle)
            except OSError:
                continue
