"""The command `break`: a drill's fault, made on the host itself.

    kill|hang UNIT PROCESS      a process of a unit, by the first 15 letters of its name, or all
    cut SECONDS ADDRESS...      no way to these addresses for so long

What lasts ends by itself: a timer of systemd's repairs it even if no command comes back.
"""

from __future__ import annotations

import contextlib
import glob
import os
import signal
import subprocess
import sys

HEALER = "adbray-drill-heal"


def processes(unit: str, name: str) -> list[int]:
    """The processes of ``unit`` called ``name`` (their first 15 letters), or all of them."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cgroup"):
        pid = int(path.split("/")[2])
        try:
            with open(path) as file:
                here = "/%s\n" % unit in file.read()
            with open("/proc/%d/comm" % pid) as file:
                comm = file.read().strip()
        except OSError:
            continue
        if here and name in ("", comm):
            found.append(pid)
    return found


def send(unit: str, name: str, number: int) -> None:
    pids = processes(unit, name)
    if not pids:
        sys.exit("%s runs no %s here" % (unit, name or "process"))
    for pid in pids:
        # Of a unit whose processes all go, one ends another.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def cut(seconds: str, addresses: list[str]) -> None:
    """No way to ``addresses`` for so long. What comes from there is not answered."""
    repair = "; ".join("ip route del blackhole %s/32" % address for address in addresses)
    timer = ["systemd-run", "--quiet", "--collect", "--unit", HEALER, "--on-active", seconds]
    subprocess.run([*timer, "/bin/sh", "-c", repair], check=True)
    for address in addresses:
        subprocess.run(["ip", "route", "add", "blackhole", address + "/32"], check=True)


def main(words: list[str]) -> None:
    what, unit, *rest = words
    if what == "cut":
        cut(unit, rest)
    else:
        send(unit, rest[0], signal.SIGKILL if what == "kill" else signal.SIGSTOP)
