"""What groups left on a host, and what its groups share."""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Iterator
from typing import Any

from adbray_host import files, layout, systemd

_MOUNT = re.compile(r"(var-lib-adbray-.+)\.mount")


def traces() -> list[dict[str, Any]]:
    """By group, all that it left here: records, secrets, disks, units, its head's key."""
    found: dict[str, list[tuple[str, str]]] = {}
    for group, what, path in _all():
        if group and not group.startswith("."):
            found.setdefault(group, []).append((what, path))
    return [
        {
            "group": group,
            "what": sorted(what for what, _ in left),
            "changed_at": max(_mtime(path) for _, path in left),
            "changed_by": changed_by(group),
        }
        for group, left in sorted(found.items())
    ]


def _all() -> Iterator[tuple[str, str, str]]:
    """Of each trace: its group, what it is, and the path whose time says when it changed."""
    for path in _folders(layout.ETC):
        yield os.path.basename(path), path, path
    for path in _folders(layout.DATA):
        for disk in sorted(files.names_in(path)) or [""]:
            yield os.path.basename(path), os.path.join(path, disk).rstrip("/"), path
    for folder, what in (
        (layout.DATA + "/.images", ""),
        (layout.DATA + "/.slots", ""),
        (layout.KEPT_LOGS, "kept logs: "),
        (_watches(), "what Prometheus knows of it: "),
    ):
        for name in files.names_in(folder):
            path = os.path.join(folder, name)
            yield name.split(".", 1)[0], what + path, path
    for name in files.names_in(layout.UNITS):
        yield group_of_unit(name), name, os.path.join(layout.UNITS, name)
    keys = os.path.join(layout.ETC, ".slot", ".ssh", "authorized_keys")
    for line in files.read(keys).splitlines():
        match = re.search(' --group ([a-z0-9-]+)"', line)
        if match:
            yield match.group(1), "its head's key in " + keys, keys


def runtimes() -> dict[str, list[str]]:
    """The environments that Ray runs in, by path, with what was installed there."""
    found = {}
    for path in glob.glob(layout.RUNTIMES + "/ray-*/.adbray.json"):
        with contextlib.suppress(KeyError, TypeError):
            found[os.path.dirname(path)] = list((files.read_json(path) or {})["requirements"])
    return found


def watched() -> dict[str, str]:
    """The groups that this host's Prometheus watches, with the revision of what it knows."""
    found = {}
    for name in files.names_in(_watches()):
        record = files.read_json(os.path.join(_watches(), name)) or {}
        if "group" in record and "revision" in record:
            found[str(record["group"])] = str(record["revision"])
    return found


def group_of_unit(name: str) -> str:
    """The group of one of adbray's units; nothing for those of others, and what groups share."""
    if name.startswith("adbray-") and "@" in name:
        return name.partition("@")[2].split(".", 1)[0]
    mount = _MOUNT.fullmatch(name)
    if mount:
        return systemd.unescape(mount.group(1)).split("/")[3]
    return ""


def changed_by(group: str) -> str:
    """Who held the lease on the group last, if its head is here and the host did not boot since."""
    try:
        return str((files.read_json(layout.lease_of(group)) or {})["owner"]["text"])
    except (KeyError, TypeError):
        return ""


def _folders(path: str) -> list[str]:
    found = (os.path.join(path, name) for name in files.names_in(path))
    return [path for path in found if os.path.isdir(path)]


def _watches() -> str:
    return os.path.join(layout.MONITORING, "groups")


def _mtime(path: str) -> float:
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime
    return 0.0
