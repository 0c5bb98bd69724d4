"""The command `leftovers`: what is on a host beside the groups' own things."""

from __future__ import annotations

import glob
import grp
import json
import os
import pwd
import re
import time
from typing import Any

from adbray_host import files, layout

PATHS = (
    "/etc/adbray",
    "/var/lib/adbray",
    "/opt/adbray",
    "/usr/local/libexec/adbray",
    "/usr/local/lib/adbray",
    "/etc/sudoers.d/adbray-slot",
    "/etc/systemd/system/adbray-proc.service",
    "/etc/systemd/system/adbray-gpu-share.service",
    "/etc/systemd/system/adbray-disks.service",
    "/etc/systemd/system/adbray-usage.timer",
    "/etc/systemd/system/adbray-logs@.service",
    "/etc/systemd/system/adbray-turns.socket",
    "/var/lib/adbray-logs",
)


def uid(name: str) -> int:
    """The user's id; -1 if there is none."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return -1


def users_of_ray() -> list[str]:
    """The users that Ray runs as here, of all groups."""
    try:
        return [layout.RAY_USER, *grp.getgrnam(layout.RAY_USER).gr_mem]
    except KeyError:
        return []


def shared() -> list[str]:
    """What all groups of a host share, and goes with the last of them."""
    found = [path for path in PATHS if os.path.exists(path)]
    found += sorted(glob.glob(os.path.join(layout.UNITS, "adbray-mps@*.service")))
    return found + [
        "user " + name for name in (*users_of_ray(), layout.SLOT_USER) if uid(name) >= 0
    ]


def strays() -> list[dict[str, Any]]:
    """Processes of the users that Ray runs as, outside of adbray's units."""
    found, owners = [], {uid(name) for name in users_of_ray()}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        folder = "/proc/" + pid
        try:
            if os.stat(folder).st_uid not in owners:
                continue
        except OSError:
            continue
        # Not its command line, which may hold a secret. proc(5): the name may have brackets.
        name, _, rest = files.read(folder + "/stat").partition("(")[2].rpartition(")")
        if rest and not re.search("adbray-(head|worker|mps)@", files.read(folder + "/cgroup")):
            up = time.clock_gettime(time.CLOCK_BOOTTIME)
            age_s = up - int(rest.split()[19]) / os.sysconf("SC_CLK_TCK")
            found.append({"pid": int(pid), "name": name, "age_s": max(age_s, 0.0)})
    return found


def main(_words: list[str]) -> None:
    print(json.dumps({"shared": shared(), "strays": strays()}))
