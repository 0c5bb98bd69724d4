"""A worker's start and end, as its own user within its unit.

    begin DISK                              remove what a host that lost its power left
    run NODE DISK STORE_MB DIRECT PROGRAM   become PROGRAM, Ray's own, with the environment it needs
    end DISK                                remove what nobody can use any more

DIRECT is a list, with commas, of what is reached without a proxy.
"""

from __future__ import annotations

import os
import subprocess
import sys

from adbray_host.start.ray import environment, sessions

TMP = "/tmp"
# Logs that could not be moved stay.
LOGS = TMP + "/ray/session_2*/logs/*"


def begin(disk: str) -> None:
    """Spilled objects that no process can read, and all sessions but the last."""
    delete(os.path.join(disk, "spill"))
    for session in sessions(TMP)[:-1]:
        delete(session, itself=True)


def run(node: str, disk: str, store_mb: str, direct: str, *program: str) -> None:
    spill = os.path.join(disk, "spill")
    given = environment(
        os.environ, node=node, spill=spill, store_mb=int(store_mb), direct=direct.split(",")
    )
    os.execve(program[0], program, given)


def end(disk: str) -> None:
    """Spilled objects and temporary files; the gate removes those too when it stops a worker."""
    delete(os.path.join(disk, "spill"))
    kept = ("!", "-path", LOGS, "!", "-name", "session_latest")
    find(TMP, "-mindepth", "1", "!", "-type", "d", *kept, "-delete")
    find(TMP, "-mindepth", "1", "-type", "d", "-empty", "-delete")


def delete(path: str, *, itself: bool = False) -> None:
    """What is in a folder. Python's own ways wait at a FIFO, and give up where jobs nest deep."""
    find(path, *(() if itself else ("-mindepth", "1")), "-delete")


def find(*words: str) -> None:
    subprocess.run(["/usr/bin/find", *words], check=False)


def main(words: list[str]) -> int:
    verb, *rest = words or [""]
    if verb == "run" and len(rest) > 4:
        run(*rest)
    elif verb in ("begin", "end") and len(rest) == 1:
        (begin if verb == "begin" else end)(rest[0])
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0
