"""The directories of a slot on its disk, and whose they are."""

from __future__ import annotations

import contextlib
import os
import pwd

from .. import files, layout
from .host import DiskError, Host
from .units import MountUnit

# In the slot: name and mode. tmp becomes /tmp of the slot's unit. Ray itself sets spill to 0777;
# the slot's own directory keeps others out.
FOLDERS = {"tmp": 0o1777, "logs": 0o700, "spill": 0o777}


def ensure_folders(host: Host, path: str, user: str) -> None:
    """The slot's own directories; nothing in a check run that made no disk."""
    if not MountUnit(host, path).is_mounted():
        return
    try:
        owner = pwd.getpwnam(user)
    except KeyError:
        if host.check_mode:
            return
        raise DiskError(f"no such user: {user}") from None
    hand_folders_over(host, path, owner)
    wanted = {path: (0, owner.pw_gid, 0o750)}
    for name, mode in FOLDERS.items():
        wanted[os.path.join(path, name)] = (owner.pw_uid, owner.pw_gid, mode)
    for folder, (uid, gid, mode) in wanted.items():
        if not os.path.isdir(folder) and host.change(f"make {folder}"):
            os.mkdir(folder, 0o700)
        if not os.path.isdir(folder):
            continue
        stat = os.stat(folder)
        seen = (stat.st_uid, stat.st_gid, stat.st_mode & 0o7777)
        if seen != (uid, gid, mode) and host.change(f"own {folder}"):
            os.chown(folder, uid, gid)
            os.chmod(folder, mode)


def hand_folders_over(host: Host, path: str, owner: pwd.struct_passwd) -> None:
    """What a slot has from before its group got another user, whose processes have ended."""
    try:
        before = os.stat(os.path.join(path, "logs")).st_uid
    except FileNotFoundError:
        return
    if before in (0, owner.pw_uid):
        return
    group, slot = path.rstrip("/").split("/")[-2:]
    unit = layout.unit_of("head" if slot == "head" else "worker", group, slot)
    if runs(unit, before):
        raise DiskError(
            f"{unit} still runs as another user than {owner.pw_name}, whose disk {path} is to be:"
            " `adbray apply` stops it first, or stop it yourself"
        )
    if not host.change(f"hand {path} over to {owner.pw_name}"):
        return
    # Last the one whose owner says that this is still to do.
    for name in ("gcs", *(name for name in FOLDERS if name != "logs"), "logs"):
        folder = os.path.join(path, name)
        if os.path.isdir(folder):
            hand_over(folder, before, owner.pw_uid, owner.pw_gid)


def runs(unit: str, uid: int) -> bool:
    """Whether a process of the user ``uid`` is in ``unit``."""
    for pid in filter(str.isdigit, os.listdir(layout.PROC)):
        folder = os.path.join(layout.PROC, pid)
        with contextlib.suppress(OSError):
            if os.stat(folder).st_uid == uid and "/" + unit in files.read(folder + "/cgroup"):
                return True
    return False


def hand_over(path: str, before: int, uid: int, gid: int) -> None:
    """Give what the user ``before`` owns at ``path`` and below to ``uid``; no link is followed.

    What is inside comes first: a run that breaks off leaves ``path`` itself to the next one.
    """
    for _, folders, names, at in os.fwalk(path, topdown=False):
        for name in (*folders, *names):
            with contextlib.suppress(FileNotFoundError):
                if os.stat(name, dir_fd=at, follow_symlinks=False).st_uid == before:
                    os.chown(name, uid, gid, dir_fd=at, follow_symlinks=False)
    if os.stat(path).st_uid == before:
        os.chown(path, uid, gid)
