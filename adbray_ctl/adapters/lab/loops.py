"""Loop devices: hosts share the machine's, so each host is handed all of them."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Collection
from pathlib import Path

from adbray_ctl.adapters.lab.shell import run, succeeds

COUNT = 64
"""Loop devices handed to every host: `mount -o loop` inside takes the first that is free on the
whole machine, so each host must have a node for whichever that is."""

CONTROL = Path("/dev/loop-control")

# linux/loop.h
_LOOP_CTL_ADD, _LOOP_CTL_REMOVE = 0x4C80, 0x4C81
_FREE_WITHIN_S = 5.0


def existing() -> list[int]:
    """The numbers whose device node stands now."""
    return [number for number in range(COUNT) if _node(number).exists()]


def add() -> None:
    """Make those of the first ``COUNT`` devices that are missing."""
    with CONTROL.open("rb") as control:
        for number in range(COUNT):
            if not _block(number).exists():
                fcntl.ioctl(control, _LOOP_CTL_ADD, number)
            if not _node(number).exists():  # no devtmpfs here: the kernel made no node
                run("mknod", str(_node(number)), "b", "7", str(number))


def remove(keep: Collection[int]) -> None:
    """Remove the first ``COUNT`` devices but for those in ``keep`` and those in use."""
    with CONTROL.open("rb") as control:
        for number in set(range(COUNT)) - set(keep):
            try:
                if _block(number).exists():
                    fcntl.ioctl(control, _LOOP_CTL_REMOVE, number)
            except OSError:
                continue  # in use by somebody else by now, so it is theirs
            _node(number).unlink(missing_ok=True)


def detach(devices: Collection[str]) -> None:
    """Free loop devices whose image lies on a file system of ``devices`` ("major:minor").

    By device and not by path: the kernel shows an image's path as the host sees it, so two
    hosts' images look alike. A device that is still mounted frees itself once its last mount
    goes, which may be a moment after the host's end; waits up to five seconds for that.
    """
    deadline = time.monotonic() + _FREE_WITHIN_S
    while attached := _attached(devices):
        for name in attached:
            succeeds("losetup", "--detach", name)
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)


def binds() -> list[str]:
    """Arguments of nspawn that hand the loop devices to a host."""
    return [f"--bind={device}" for device in (CONTROL, *map(_node, range(COUNT)))]


def _attached(devices: Collection[str]) -> list[str]:
    listed = run("losetup", "--list", "--json", "--output", "NAME,BACK-MAJ:MIN")
    found = json.loads(listed)["loopdevices"] if listed.strip() else []
    return [entry["name"] for entry in found if (entry["back-maj:min"] or "").strip() in devices]


def _node(number: int) -> Path:
    return Path(f"/dev/loop{number}")


def _block(number: int) -> Path:
    return Path(f"/sys/block/loop{number}")
