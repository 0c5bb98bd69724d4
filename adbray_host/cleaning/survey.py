"""One look at all of a slot's disk."""

from __future__ import annotations

import os
import stat
import time
from typing import Any

from adbray_host.cleaning.held import Held
from adbray_host.cleaning.kinds import (
    ASK,
    ENDED_LOGS,
    FREE,
    JOBS,
    KEEP,
    OPERATOR,
    OWN,
    SESSION,
    classed,
    is_core,
)

# Ray nests its own files less; what jobs nest deeper is not counted.
DEEPEST = 40
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_RESERVE = "adbray's reserve, of a fixed size"
_EMPTY = {"bytes": 0, "files": 0, "held": "", "root": False}


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
        base = os.open(self.disk, _FOLDER)
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
            inner = os.open(entry.name, _FOLDER, dir_fd=handle)
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
