#!/usr/bin/python
"""Ansible module: a set of files and directories as they should be, in one round trip."""

from __future__ import annotations

import fcntl
import glob
import grp
import os
import pwd
import re
import shutil
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: managed_files
short_description: Write a whole set of files and directories, and remove what no longer belongs
description:
  - Brings every listed file and directory to the given content, mode and owner.
  - Files are written beside their target and renamed over it, so nobody reads half a file.
  - What matches I(absent) and is not listed is removed.
options:
  desired:
    description: The whole of it, so that one rendered template can say everything.
    type: dict
    suboptions:
      directories:
        description: Directories, made in this order; parents must exist or come first.
        type: list
        elements: dict
      files:
        description: Files with their whole content.
        type: list
        elements: dict
      secret_files:
        description: As C(files), but content never appears in results, diffs or logs.
        type: list
        elements: dict
      lines:
        description:
          - Lines of files that others write to as well, such as authorized_keys. Of all lines that
            match the regular expression I(match) the file then has I(line) alone, or none where
            that is empty; its other lines stay.
        type: list
        elements: dict
      absent:
        description:
          - Glob patterns of what to remove, directories with all they hold.
          - With C(unless), a list of globs, only when none of those matches anything afterwards.
          - With C(empty), only empty directories are removed, and no mount points.
        type: list
        elements: dict
author: [adbray maintainers]
"""

RETURN = r"""
changed_paths:
  description: Files and directories that were written, changed or removed.
  type: list
  returned: always
"""

ENTRY = {
    "path": {"type": "path", "required": True},
    "mode": {"type": "str", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
}
FILE = {**ENTRY, "content": {"type": "str", "required": True}}
LINE = {
    **ENTRY,
    "match": {"type": "str", "required": True},
    "line": {"type": "str", "default": ""},
}
SECRET_FILE = {**ENTRY, "content": {"type": "str", "required": True, "no_log": True}}
ABSENT = {
    "glob": {"type": "str", "required": True},
    "unless": {"type": "list", "elements": "str", "default": []},
    "empty": {"type": "bool", "default": False},
}


def entries(options: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A list option whose elements have ``options``."""
    return {"type": "list", "elements": "dict", "default": [], "options": options, **more}


ARGUMENTS = {
    "desired": {
        "type": "dict",
        "required": True,
        "options": {
            "directories": entries(ENTRY),
            "files": entries(FILE),
            "secret_files": entries(SECRET_FILE, no_log=False),
            "lines": entries(LINE),
            "absent": entries(ABSENT),
        },
    }
}


class Changes:
    """What was, or in check mode would be, changed."""

    def __init__(self, check_mode: bool) -> None:
        self.check_mode = check_mode
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


def ensure_attributes(entry: dict[str, Any], changes: Changes) -> None:
    """Mode and owner of something that exists."""
    path, mode = entry["path"], int(entry["mode"], 8)
    uid, gid = user_id(entry["owner"]), group_id(entry["group"])
    stat = os.lstat(path)
    if (stat.st_uid, stat.st_gid) != (uid, gid) and changes.note(path):
        require_ids(entry, uid, gid)
        os.lchown(path, uid, gid)  # type: ignore[arg-type]  # require_ids refuses None
    if stat.st_mode & 0o7777 != mode and changes.note(path):
        os.chmod(path, mode)


def require_ids(entry: dict[str, Any], uid: int | None, gid: int | None) -> None:
    """Raise ValueError, naming the path, for an owner this host does not know."""
    if uid is None or gid is None:
        who = entry["owner"] if uid is None else entry["group"]
        raise ValueError(f"{entry['path']}: no such user or group: {who}")


def ensure_directory(entry: dict[str, Any], changes: Changes) -> None:
    path = entry["path"]
    if not os.path.isdir(path):
        if not changes.note(path):
            return
        os.mkdir(path, 0o700)
    ensure_attributes(entry, changes)


def ensure_file(entry: dict[str, Any], changes: Changes, secret: bool) -> None:
    path, content = entry["path"], entry["content"]
    before = read(path)
    if before == content:
        ensure_attributes(entry, changes)
        return
    shown = (None, None) if secret else (before or "", content)
    if changes.note(path, *shown):
        write(entry, content)


def ensure_line(entry: dict[str, Any], changes: Changes) -> None:
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
            ensure_file(
                {**entry, "content": "".join(f"{line}\n" for line in after)}, changes, False
            )
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


def write(entry: dict[str, Any], content: str) -> None:
    """Write beside the target with the final mode and owner, then rename over it."""
    uid, gid = user_id(entry["owner"]), group_id(entry["group"])
    require_ids(entry, uid, gid)
    path = entry["path"]
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(content)
            os.fchown(file.fileno(), uid, gid)  # type: ignore[arg-type]  # see require_ids
            os.fchmod(file.fileno(), int(entry["mode"], 8))
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def ensure_absent(rule: dict[str, Any], kept: set[str], changes: Changes) -> None:
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


class QuietModule(AnsibleModule):  # type: ignore[misc]  # Ansible's modules have no types
    """Keeps what it was called with out of the host's journal.

    Ansible masks secrets there, but not those of several lines, such as keys, within a dictionary:
    it looks for their text in its representation (ansible-core 2.19, basic.py, _log_invocation).
    """

    def _log_invocation(self) -> None:
        self.log("Invoked")


def main() -> None:
    module = QuietModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    arguments = module.params["desired"]
    changes = Changes(module.check_mode)
    try:
        for entry in arguments["directories"]:
            ensure_directory(entry, changes)
        for entry in arguments["files"]:
            ensure_file(entry, changes, secret=False)
        for entry in arguments["secret_files"]:
            ensure_file(entry, changes, secret=True)
        for entry in arguments["lines"]:
            ensure_line(entry, changes)
        listed = arguments["directories"] + arguments["files"] + arguments["secret_files"]
        kept = {entry["path"] for entry in listed}
        for rule in arguments["absent"]:
            ensure_absent(rule, kept, changes)
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error), changed=bool(changes.paths))
    diff = changes.diffs if module._diff else []
    module.exit_json(changed=bool(changes.paths), changed_paths=changes.paths, diff=diff)


if __name__ == "__main__":
    main()
