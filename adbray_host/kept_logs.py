"""Keep Ray's logs of workers that ended, packed, off their slots' disks and for a while.

    aside DISK   move the logs in DISK/tmp to DISK/logs; as the slot's user, within its unit
    keep DISK    pack what was moved there, and take it from the slot's disk; as root
    tick         remove what is too old or too much, and start each `keep` that was missed; as root

What ended is moved to DISK/logs/START and packed to ROOT/GROUP/SLOT/START.tar.gz; START is when it
began, in UTC, and the archive's time of change when it ended. Jobs write what is read here: no link
of theirs is followed. Without room there are fewer logs, and nothing else is lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import re
import signal
import subprocess
import sys
import time

from adbray_host import layout, systemd
from adbray_host.locks import locked as held
from adbray_host.log_archive import pack, prune
from adbray_host.slot_logs import START, STARTED

RM = "/bin/rm"

DISK = re.compile(r"/(?P<group>[a-z][a-z0-9-]{0,31})/(?P<slot>[a-z][a-z0-9-]{0,40})", re.ASCII)
STARTS = "[0-9]*T[0-9]*Z*"


def aside(disk: str, now: float) -> None:
    """Move the logs of what ran here; what begins now begins with none."""
    # Not by way of /tmp: no file is moved from one mount to another.
    tmp = os.path.join(disk, "tmp")
    mark = os.path.join(tmp, ".adbray-began")
    for logs in sorted(glob.glob(os.path.join(tmp, "ray", "session_2*", "logs"))):
        # A job may make sessions too, with anything in the place of their logs.
        if os.path.isdir(logs) and os.listdir(logs):
            began = os.stat(mark if os.path.exists(mark) else logs).st_mtime
            name = time.strftime(STARTED, time.gmtime(began))
            os.rename(logs, unused(os.path.join(disk, "logs", name)))
    # Made again: a job may have put a FIFO there, which would hold the slot up, or a link.
    remove(mark)
    handle = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.utime(handle, (now, now))
    os.close(handle)


def unused(path: str) -> str:
    """``path``, with a number behind it where two began in one second."""
    found, number = path, 2
    while os.path.lexists(found):
        found, number = f"{path}-{number}", number + 1
    return found


def keep(disk: str, now: float) -> None:
    slot = DISK.fullmatch(disk[len(layout.DATA) :])
    if slot is None or not disk.startswith(layout.DATA):
        raise ValueError("no slot's disk: " + disk)
    # One at a time, for it is done beside everything else; a removal of the disk waits for it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with locked(fcntl.LOCK_EX):
        for path in sorted(glob.glob(os.path.join(disk, "logs", STARTS))):
            prune(now)
            try:
                if is_start(os.path.basename(path)):
                    pack(path, os.path.join(layout.KEPT_LOGS, slot["group"], slot["slot"]))
            finally:
                # Packed or not, its room is the slot's.
                remove(path)
        prune(now)


def is_start(name: str) -> bool:
    """Whether it is named as `aside` does it: jobs may make others beside."""
    try:
        time.strptime(name[:16], STARTED)
    except ValueError:
        return False
    return START.fullmatch(name) is not None


def remove(path: str) -> None:
    """Whatever a job made of it. Python's own `rmtree` waits at a FIFO for somebody who writes."""
    subprocess.run([RM, "-rf", "--", path], check=False)


def locked(how: int) -> contextlib.AbstractContextManager[None]:
    os.makedirs(layout.KEPT_LOGS, mode=0o700, exist_ok=True)
    return held(layout.KEPT_LOGS, how)


def tick(now: float) -> None:
    # Whoever holds the lock prunes itself.
    with contextlib.suppress(BlockingIOError), locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
        prune(now)
    waiting = glob.glob(os.path.join(layout.DATA, "*", "*", "logs", STARTS))
    disks = {os.path.dirname(os.path.dirname(path)) for path in waiting}
    units = [f"adbray-logs@{systemd.escape(disk)}.service" for disk in sorted(disks)]
    if units:
        subprocess.run(
            [systemd.SYSTEMCTL, "start", "--no-block", "--", *units], check=False, timeout=20
        )


def main(words: list[str]) -> int:
    os.umask(0o077)
    now = time.time()
    try:
        if words == ["tick"]:
            tick(now)
        elif len(words) == 2 and words[0] in ("aside", "keep"):
            (aside if words[0] == "aside" else keep)(words[1], now)
        else:
            print("usage: logs aside DISK | keep DISK | tick", file=sys.stderr)
            return 2
    except (OSError, ValueError) as error:
        print("logs: %s" % error, file=sys.stderr)
        return 1
    return 0
