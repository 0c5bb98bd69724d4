"""Files, directories and lines as they should be: compared first, and written by renaming."""

from __future__ import annotations

import base64
import fcntl
import glob
import grp
import os
import pwd
import re
import shutil
import tempfile
from typing import Any

from ansible_collections.adbray.ray.plugins.module_utils.started import Started

Entry = dict[str, Any]


class Changes:
    """What was, or in check mode would be, changed."""

    def __init__(self, check_mode: bool, started: Started) -> None:
        self.check_mode = check_mode
        self.started = started
        self.paths: list[str] = []
        self.diffs: list[dict[str, str]] = []

    def note(self, path: str, before: str | None = None, after: str | None = None) -> bool:
        """Remember a change; True when it is to be carried out as well."""
        if path not in self.paths:
            self.paths.append(path)
        if before is not None and after is not None:
            self.diffs.append(
                {"before_header": path, "after_header": path, "before": before, "after": after}
            )
        return not self.check_mode


def user_id(name: str) -> int | None:
    """The user's id; None when a check run on a fresh host has not made the user."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def group_id(name: str) -> int | None:
    """The group's id; None when a check run on a fresh host has not made the group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def ensure_attributes(entry: Entry, changes: Changes) -> None:
    """Mode and owner of something that exists."""
    path, mode = entry["path"], int(entry["mode"], 8)
    uid, gid = user_id(entry["owner"]), group_id(entry["group"])
    stat = os.lstat(path)
    if (stat.st_uid, stat.st_gid) != (uid, gid) and changes.note(path):
        require_ids(entry, uid, gid)
        os.lchown(path, uid, gid)  # type: ignore[arg-type]  # require_ids refuses None
    if stat.st_mode & 0o7777 != mode and changes.note(path):
        os.chmod(path, mode)


def require_ids(entry: Entry, uid: int | None, gid: int | None) -> None:
    """Raise ValueError, naming the path, for an owner this host does not know."""
    if uid is None or gid is None:
        who = entry["owner"] if uid is None else entry["group"]
        raise ValueError(f"{entry['path']}: no such user or group: {who}")


def ensure_directory(entry: Entry, changes: Changes) -> None:
    path = entry["path"]
    if not os.path.isdir(path):
        if not changes.note(path):
            return
        os.mkdir(path, 0o700)
    ensure_attributes(entry, changes)


def ensure_file(entry: Entry, changes: Changes, secret: bool) -> None:
    path, content = entry["path"], said(entry)
    before = read(path)
    if before == content:
        ensure_attributes(entry, changes)
        return
    shown = (None, None) if secret or entry.get("base64") else (before or "", content)
    if changes.note(path, *shown):
        if before is not None:
            changes.started.replacing(path)
        write(entry, content)


def said(entry: Entry) -> str:
    """What ``entry`` says that its file holds."""
    if entry.get("base64"):
        return base64.b64decode(entry["base64"]).decode("utf-8", "surrogateescape")
    content: str | None = entry["content"]
    if content is None:
        raise ValueError(f"{entry['path']}: nothing says its content")
    return content


def ensure_line(entry: Entry, changes: Changes) -> None:
    """Under a lock on its directory, since other groups' runs may write to the same file."""
    path, folder = entry["path"], os.path.dirname(entry["path"])
    if not os.path.isdir(folder) and (changes.check_mode or not entry["line"]):
        return
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = (read(path) or "").splitlines()
        after = [line for line in before if not re.search(entry["match"], line)]
        if entry["line"]:
            after.append(entry["line"])
        if sorted(before) != sorted(after):
            text = "".join(f"{line}\n" for line in after)
            ensure_file({**entry, "content": text}, changes, secret=False)
        elif os.path.exists(path):
            ensure_attributes(entry, changes)
    finally:
        os.close(lock)


def read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(entry: Entry, content: str) -> None:
    """Write beside the target with the final mode and owner, then rename over it."""
    uid, gid = user_id(entry["owner"]), group_id(entry["group"])
    require_ids(entry, uid, gid)
    path = entry["path"]
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode("utf-8", "surrogateescape"))
            os.fchown(file.fileno(), uid, gid)  # type: ignore[arg-type]  # see require_ids
            os.fchmod(file.fileno(), int(entry["mode"], 8))
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def ensure_absent(rule: Entry, kept: set[str], changes: Changes) -> None:
    for path in sorted(glob.glob(rule["glob"])):
        if path in kept or any(glob.glob(pattern) for pattern in rule["unless"]):
            continue
        if rule["empty"] and not is_spare(path):
            continue
        if not changes.note(path):
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def is_spare(path: str) -> bool:
    """Whether it is a directory with nothing in it, and no file system of the operator's."""
    return os.path.isdir(path) and not os.listdir(path) and not os.path.ismount(path)
