"""Ray's daemons on a node: `ray start` leaves them, and this process watches them.

`ray start --block` does that too, and keeps all that it has imported: 60 MiB of each node. As
there, a daemon that ends by itself with another status than 0 or SIGTERM's ends the node
(``start`` in ray/scripts/scripts.py, Ray 2.60).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from adbray_host import layout

# prctl(2): what loses its parent below this process becomes its child.
_PR_SET_CHILD_SUBREAPER = 36
_BLOCK = "--block"
_GRACEFUL = (0, -signal.SIGTERM, signal.SIGTERM, 128 + signal.SIGTERM)
# So long Ray gives each daemon as well before it kills it.
_STOP_S = 1.0
# Ray ends its raylet first, which ends the workers, and then the store of what they said.
_FIRST = ("raylet", "gcs_server")


class Stopped(Exception):
    """systemd wants the unit to stop."""


def without_block(words: list[str]) -> list[str]:
    """The words of `ray start` without the one that has it stay, which units have."""
    return [word for word in words if word != _BLOCK]


def watch(start: Callable[[], int]) -> int:
    """Start the daemons by ``start`` in a child, and wait until one of them fails; its exit status.

    SIGTERM ends them, the raylet first.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    starter = os.fork()
    if starter == 0:
        sys.exit(start())
    signal.signal(signal.SIGTERM, _stop)
    code = 0
    try:
        code = _ended(starter)
        if code == 0:
            code = _first_failure(_children())
        # What ends already needs no second word.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except Stopped:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_all()
    return code


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _ended(starter: int) -> int:
    """The status of `ray start`; others that end meanwhile are its own, and it has seen to them."""
    while True:
        pid, status = os.wait()
        if pid == starter:
            return _exit_code(status)


def _exit_code(status: int) -> int:
    """As subprocess has it: a signal is negative."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _first_failure(daemons: dict[int, str]) -> int:
    """Wait until a daemon has failed; what processes of jobs leave is only taken in."""
    while daemons:
        pid, status = os.wait()
        code = _exit_code(status)
        name = daemons.pop(pid, "")
        if name and code not in _GRACEFUL:
            logs = os.path.join(layout.TMP, "ray", "session_latest", "logs")
            print(f"{name} ended with {code}, so the node ends; its logs are in {logs}", flush=True)
            return 1
    print("all of Ray's daemons have ended", flush=True)
    return 1


def _children() -> dict[int, str]:
    """The names of this process's children; the first 15 letters."""
    found = {}
    for entry in os.listdir(layout.PROC):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError):
                with open(os.path.join(layout.PROC, entry, "stat"), encoding="utf-8") as file:
                    name, rest = file.read().rsplit(")", 1)
                if int(rest.split()[1]) == os.getpid():
                    found[int(entry)] = name.split("(", 1)[1]
    return found


def _end_all() -> None:
    """End what is left; those that others need come last."""
    children = _children()
    for name in _FIRST:
        _end([pid for pid, known in children.items() if known == name])
    _end(list(_children()))


def _end(pids: list[int]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        ends_at = time.monotonic() + _STOP_S
        while pids and time.monotonic() < ends_at:
            pids = [pid for pid in pids if not _is_gone(pid)]
            time.sleep(0.02)


def _is_gone(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
