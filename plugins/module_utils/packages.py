"""Debian's packages, which apt brings now or beside other work."""

from __future__ import annotations

import glob
import os
import shlex
import subprocess
import time

from ansible_collections.adbray.ray.plugins.module_utils.programs import environment
from ansible_collections.adbray.ray.plugins.module_utils.systemd import RUNNING, Systemd

UNIT = "adbray-packages.service"
LISTS = "/var/lib/apt/lists/*Packages*"
FRESH_S = 3600
# However slow a mirror is: what then still runs holds apt's lock, and apt says so.
LONGEST_S = 900.0
UPDATE = ("apt-get", "-qq", "update")
INSTALL = (
    "apt-get",
    *("-qq", "-y", "--no-install-recommends"),
    *("-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0"),
    *("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"),
    "install",
)
SETTINGS = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


class PackageError(Exception):
    """apt refused."""


def install(names: list[str]) -> None:
    """Bring the packages now. Raises PackageError with what apt wrote."""
    if _stale():
        # Another apt may hold the lists at this moment; those that are there may do.
        _apt(UPDATE)
    done = _apt((*INSTALL, *names))
    if done.returncode != 0:
        # The lists may name versions that the mirror has no more.
        updated = _apt(UPDATE)
        done = _apt((*INSTALL, *names))
        if done.returncode != 0:
            said = (updated.stderr + done.stderr).strip() or done.stdout.strip()
            raise PackageError(f"apt-get cannot install {', '.join(names)}: {said[-1500:]}")


def begin(names: list[str]) -> None:
    """Have systemd bring the packages, and do not wait; one who needs them installs what lacks."""
    commands = [UPDATE] if _stale() else []
    script = "; ".join(shlex.join(command) for command in (*commands, (*INSTALL, *names)))
    settings = [f"--setenv={name}={value}" for name, value in SETTINGS.items()]
    unit = ["systemd-run", "--quiet", "--collect", "--no-block", f"--unit={UNIT}"]
    subprocess.run(
        [*unit, "--property=Type=oneshot", *settings, "/bin/sh", "-c", script],
        capture_output=True,
        check=False,
    )


def await_begun(systemd: Systemd) -> None:
    """Wait until nothing is brought that was begun."""
    began = time.monotonic()
    while systemd.show([UNIT])[UNIT].get("ActiveState") in RUNNING:
        if time.monotonic() - began > LONGEST_S:
            return
        time.sleep(0.2)


def _stale() -> bool:
    """Whether the lists of packages are missing or old."""
    newest = max((os.stat(path).st_mtime for path in glob.glob(LISTS)), default=0.0)
    return not 0 <= time.time() - newest < FRESH_S


def _apt(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(**SETTINGS)
    )
