"""The command `drill-watch UNIT VENV ARGUMENT...`: a drill's driver, until it is asked to end.

It goes on inside of the worker's unit, as Ray's user and under the group's Ray, sees GCS come back
as soon as a job does, and its standard input is this one's.
"""

from __future__ import annotations

import os
import pwd
import sys

from adbray_host import layout, systemd
from adbray_host.in_ray import source_of
from adbray_host.start.ray import RECONNECT


def main(words: list[str]) -> None:
    unit, venv, *arguments = words
    pid = systemd.show([unit], ["MainPID"]).get(unit, {}).get("MainPID", "0")
    if pid == "0":
        sys.exit(unit + " does not run")
    with open("/proc/%s/environ" % pid, "rb") as file:
        environment = dict(
            entry.split(b"=", 1) for entry in file.read().split(b"\0") if b"=" in entry
        )
    kept = {name.encode(): value.encode() for name, value in RECONNECT.items()}
    kept |= {
        name: value
        for name, value in environment.items()
        if name.startswith(b"RAY_") or name in (b"PATH", b"HOME")
    }
    # It must not be taken for the worker itself.
    for name in (b"RAY_CLOUD_INSTANCE_ID", b"RAY_NODE_TYPE_NAME"):
        kept.pop(name, None)
    enter = ["nsenter", "--target", pid, "--mount", "--", "/usr/sbin/runuser", "-u"]
    user = pwd.getpwuid(os.stat(os.path.join(layout.PROC, pid)).st_uid).pw_name
    program = [user, "--", venv + "/bin/python", "-u", "-c", source_of("drill_driver")]
    os.execve(  # noqa: S606  # the driver takes this process's place, and its standard input
        "/usr/bin/nsenter", [*enter, *program, *arguments], kept
    )
