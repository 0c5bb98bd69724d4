"""A worker's start and end, as its own user within its unit.

    begin DISK                              move logs aside, remove what a loss of power left
    run NODE DISK STORE_MB DIRECT RAY...    once its head answers and its turn has come: start Ray
                                            by its own command, with the environment it needs, and
                                            watch it
    end DISK                                move logs aside, remove what nothing can use any more

DIRECT is a list, with commas, of what is reached without a proxy.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from adbray_host import layout
from adbray_host.kept_logs import aside
from adbray_host.start import daemons
from adbray_host.start.ray import environment, labelled, sessions
from adbray_host.turns.ask import await_turn

AGENT_PORT = "dashboard-agent-listen-port"


def begin(disk: str) -> None:
    """Spilled objects that no process can read, and logs of all sessions but the last."""
    # By their times, which change as the logs are moved.
    old = sessions()[:-1]
    set_aside(disk)
    delete(os.path.join(disk, "spill"))
    for session in old:
        delete(session, itself=True)


def run(node: str, disk: str, store_mb: str, direct: str, ray: str, *words: str) -> int:
    agent = place(setting(words, "node-ip-address"), setting(words, AGENT_PORT))
    turn = await_turn(place(*setting(words, "address").rpartition(":")[::2]), agent)
    spill = os.path.join(disk, "spill")
    given = environment(
        os.environ, node=node, spill=spill, store_mb=int(store_mb), direct=direct.split(",")
    )
    python = os.path.join(os.path.dirname(ray), "python")
    ray_words = labelled(daemons.without_block(list(words)), os.environ["INVOCATION_ID"])
    program = [python, layout.PROGRAM, "start-ray", *ray_words]
    code = daemons.watch(lambda: os.execve(python, program, given))
    # Its turn has ended before, unless the node never came up.
    turn.close()
    return code


def setting(words: Sequence[str], name: str) -> str:
    """What Ray's words say of ``name``."""
    start = "--" + name + "="
    return next((word[len(start) :] for word in words if word.startswith(start)), "")


def place(host: str, port: str) -> tuple[str, int] | None:
    return (host, int(port)) if host and port.isdigit() else None


def end(disk: str) -> None:
    """Spilled objects and temporary files; the gate removes those too when it stops a worker."""
    set_aside(disk)
    delete(os.path.join(disk, "spill"))
    tmp = layout.TMP
    # Logs that could not be moved stay.
    kept = ("!", "-path", tmp + "/ray/session_2*/logs/*", "!", "-name", "session_latest")
    find(tmp, "-mindepth", "1", "!", "-type", "d", *kept, "-delete")
    find(tmp, "-mindepth", "1", "-type", "d", "-empty", "-delete")


def set_aside(disk: str) -> None:
    """What cannot be moved is not kept, and keeps nothing from being removed."""
    try:
        aside(disk, time.time())
    except (OSError, ValueError) as error:
        print("logs: %s" % error, file=sys.stderr)


def delete(path: str, *, itself: bool = False) -> None:
    """What is in a folder. Python's own ways wait at a FIFO, and give up where jobs nest deep."""
    find(path, *(() if itself else ("-mindepth", "1")), "-delete")


def find(*words: str) -> None:
    subprocess.run(["/usr/bin/find", *words], check=False)


def main(words: list[str]) -> int:
    # As the logs that are moved: other users must not read it.
    os.umask(0o077)
    verb, *rest = words or [""]
    if verb == "run" and len(rest) > 4:
        return run(*rest)
    if verb in ("begin", "end") and len(rest) == 1:
        (begin if verb == "begin" else end)(rest[0])
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0
