"""Start and stop one slot, or let the host rest."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from adbray_host import files, layout, mounts
from adbray_host.gate.slots import (
    RUNNING,
    SYSTEMD_S,
    Refused,
    card_fault,
    is_before,
    is_held,
    listed,
    slots_of,
    unit_of,
)
from adbray_host.locks import locked
from adbray_host.systemd import JOURNALCTL, SYSTEMCTL

GROUP = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
# By then a host that is put to sleep sleeps.
REST_S = 120


class Resting(Refused):
    """The host is about to be put to sleep."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SYSTEMD_S,
        check=False,
        text=True,
        errors="replace",
    )


def groups() -> list[str]:
    try:
        return [name for name in os.listdir(layout.ETC) if GROUP.fullmatch(name)]
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def sole(group: str, slot: str) -> Iterator[None]:
    """One start or stop of a slot at a time, and none while the host is to rest."""
    host, own = (
        os.path.join(layout.RUN, "host.lock"),
        os.path.join(layout.RUN, group, f"{slot}.lock"),
    )
    with locked(host, fcntl.LOCK_SH), locked(own, fcntl.LOCK_EX):
        yield


def require(group: str, slot: str) -> None:
    if slot not in slots_of(group, slot):
        raise Refused(f"group {group} has no worker slot {slot} on this host")


def rest() -> None:
    with locked(os.path.join(layout.RUN, "host.lock"), fcntl.LOCK_EX):
        states_that_run = ",".join((*RUNNING, "deactivating"))
        command = ("list-units", "--plain", "--no-legend", f"--state={states_that_run}")
        units = run(SYSTEMCTL, *command, "adbray-*@*.service").stdout.split("\n")
        running = [line.split()[0] for line in units if line.strip()]
        if running:
            raise Refused(f"{', '.join(running[:5])} runs here")
        if any(is_held(group, slot) for group in groups() for slot in slots_of(group)):
            raise Refused("slots are being changed here")
        with open(os.path.join(layout.RUN, "resting"), "w", encoding="ascii") as file:
            file.write(f"{time.time() + REST_S:.0f}")


def start(group: str, slot: str, *, least: bool) -> dict[str, Any]:
    with sole(group, slot):
        require(group, slot)
        if is_before(os.path.join(layout.RUN, "resting")):
            raise Resting("the host is about to be put to sleep")
        (now,) = listed(group, slot)
        if now["state"] == "running":
            return now
        if now["held"]:
            raise Refused(f"{slot} is held back; the next `adbray apply` releases it")
        fault = card_fault(group, slot)
        if fault:
            raise Refused(f"{slot} is set aside: {fault}")
        unit = unit_of(group, slot)
        mark(layout.demand_of(group, slot), not least)
        run(SYSTEMCTL, "reset-failed", "--", unit)
        done = run(SYSTEMCTL, "start", "--", unit)
        if done.returncode != 0:
            journal = run(JOURNALCTL, "--no-pager", "-q", "-o", "cat", "-n", "3", "-u", unit).stdout
            run(SYSTEMCTL, "stop", "--", unit)  # or systemd would try on and on
            run(SYSTEMCTL, "reset-failed", "--", unit)  # the head keeps the reason
            reason = " / ".join((done.stdout.strip() + "\n" + journal.strip()).splitlines())
            raise Refused(f"{unit} does not start: {reason[:600]}")
        (now,) = listed(group, slot)
        return now


def mark(path: str, wanted: bool) -> None:
    """Have an empty file, or none."""
    if wanted:
        files.write(path, "")
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def stop(group: str, slot: str, which: str | None) -> dict[str, Any]:
    with sole(group, slot):
        require(group, slot)
        (now,) = listed(group, slot)
        if which and now["start"] != which:
            return now
        done = run(SYSTEMCTL, "stop", "--", unit_of(group, slot))
        if done.returncode != 0:
            raise Refused(f"{unit_of(group, slot)} does not stop: {done.stdout.strip()[:600]}")
        # Ended while it began, it counts as failed, which needs no attention.
        run(SYSTEMCTL, "reset-failed", "--", unit_of(group, slot))
        empty(os.path.join(layout.DATA, group, slot))
        (now,) = listed(group, slot)
        return now


def empty(disk: str) -> None:
    """Remove what a stopped worker left; nothing where the slot's own disk is not mounted."""
    if not mounts.is_mounted(disk):
        return
    for name in ("spill", "tmp"):
        folder = os.path.join(disk, name)
        if os.path.islink(folder) or not os.path.isdir(folder):
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)
