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

from adbray_ctl.adapters.file_systems import disk_use

# What may be done with it: freed, freed when asked for, or nothing, with a reason.
FREE, ASK, KEEP = "free", "ask", "keep"
RM = "/bin/rm"
# From here on the status says what takes the room, if it can be seen in that time.
NEARLY, LOOK_S = 0.95, 3.0
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


def in_use(disk: str) -> dict[tuple[int, int], str]:
    """The files of this disk that a process has open or mapped, each with the name of one."""
    devices = {os.stat(place).st_dev for place in (disk, os.path.join(disk, "spill"))}
    found: dict[tuple[int, int], str] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        folder = "/proc/" + pid
        try:
            with open(folder + "/comm", errors="replace") as file:
                name = "%s (pid %s)" % (file.read().strip(), pid)
            places = [folder + "/fd/" + number for number in os.listdir(folder + "/fd")]
        except OSError:
            continue
        for place in [*places, folder + "/cwd"]:
            try:
                told = os.stat(place)
            except OSError:
                continue
            if told.st_dev in devices:
                found[told.st_dev, told.st_ino] = name
        for key in _mapped(folder):
            if key[0] in devices:
                found[key] = name
    return found


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


def deleted(disk: str) -> list[dict[str, Any]]:
    """Files without a name that processes hold open: their room comes back when those end."""
    device, found = os.stat(disk).st_dev, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        folder = "/proc/%s/fd" % pid
        try:
            numbers = os.listdir(folder)
        except OSError:
            continue
        for number in numbers:
            try:
                told = os.stat(os.path.join(folder, number))
            except OSError:
                continue
            if told.st_dev == device and not told.st_nlink and stat.S_ISREG(told.st_mode):
                found[told.st_ino] = {
                    "what": "deleted files that a process holds open",
                    "path": "held by pid %s" % pid,
                    "bytes": told.st_blocks * 512,
                    "files": 1,
                    "may": KEEP,
                    "why": "their room comes back when that process ends",
                }
    return list(found.values())


def use_of(disk: str) -> dict[str, Any]:
    """How full a slot's disk is, and what takes the most of one that is almost full."""
    found = disk_use(disk)
    share = found["used_mb"] / found["size_mb"] if found["size_mb"] else 0.0
    if max(share, found.get("files_share", 0.0)) >= NEARLY:
        try:
            items = Survey(disk, True, LOOK_S).items()
        except OSError:
            items = []
        by_files = sorted(items, key=lambda one: -one["files"]) if share < NEARLY else items
        found["largest"] = [
            "%(mb)d MiB in %(files)d files: %(what)s (%(path)s)" % dict(i, mb=i["bytes"] >> 20)
            for i in by_files[:3]
            if i["what"] not in OWN.values()
        ]
    return found


class Survey:
    """One look at all of a disk. ``runs`` says that the slot's unit has processes."""

    def __init__(self, disk: str, runs: bool, within_s: float) -> None:
        self.disk, self.runs = disk, runs
        self.held = in_use(disk)
        self._until = time.monotonic() + within_s
        self._seen: set[tuple[int, int]] = set()
        self._items: dict[tuple[str, str], dict[str, Any]] = {}
        self._live = {latest_session(disk)} if runs else set()
        self._cut: set[str] = set()

    def items(self) -> list[dict[str, Any]]:
        """What there is, the largest first; what was not looked at in time is left out."""
        base = os.open(self.disk, FOLDER)
        try:
            self._walk(base)
        finally:
            os.close(base)
        for item in self._items.values():
            self._judge(item)
            if item["may"] != KEEP and self._is_cut(item["path"]):
                item["may"], item["why"] = KEEP, "not seen whole"
        return sorted([*self._items.values(), *deleted(self.disk)], key=lambda one: -one["bytes"])

    def _walk(self, base: int) -> None:
        device = os.fstat(base).st_dev
        for folder, folders, names, handle in os.fwalk(".", dir_fd=base):
            parts = [] if folder == "." else folder[2:].split("/")
            here = os.fstat(handle)
            apart = here.st_dev != device and parts[:1] != ["spill"]
            cut = len(parts) >= DEEPEST or time.monotonic() > self._until
            if cut and folders and not apart:
                self._cut.add("/".join(parts))
            if cut or apart:
                del folders[:]
            if not apart and parts:
                self._count(parts, here, handle, "")
            for name in names:
                try:
                    told = os.stat(name, dir_fd=handle, follow_symlinks=False)
                except OSError:
                    continue
                if not apart:
                    self._count([*parts, name], told, handle, name)

    def _count(self, parts: list[str], told: os.stat_result, handle: int, name: str) -> None:
        key = (told.st_dev, told.st_ino)
        core = name.startswith("core") and stat.S_ISREG(told.st_mode) and is_core(handle, name)
        user = self.held.get(key, "")
        what, path = ("core files", "/".join(parts)) if core else classed(parts, bool(user))
        if user and parts[1:2] == ["ray"]:
            self._live.add("/".join(parts[:3]))
        if not what or key in self._seen:
            return
        self._seen.add(key)
        item = self._items.setdefault((what, path), dict(_EMPTY, what=what, path=path))
        item["bytes"] += told.st_blocks * 512
        item["files"] += bool(name)
        item["held"] = item["held"] or user
        item["root"] = item["root"] or told.st_uid == 0

    def _is_cut(self, path: str) -> bool:
        """Whether something in it was not looked at: a process may use that."""
        return any(one == path or one.startswith(path + "/") for one in self._cut)

    def _judge(self, item: dict[str, Any]) -> None:
        what, held = item["what"], item.pop("held")
        root = item.pop("root")
        item["may"], item["why"] = KEEP, ""
        if what in OWN.values():
            item["why"] = "of adbray, bounded" if what == OWN[".reserve"] else "it is needed"
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
                told = os.stat(name, dir_fd=handle, follow_symlinks=False)
                if (told.st_dev, told.st_ino) not in held:
                    os.unlink(name, dir_fd=handle)
            except OSError:
                continue
