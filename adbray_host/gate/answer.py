"""List, start and stop the worker slots of one group on this host, for the group's head.

Runs as root. sshd starts it by a forced command that names the group; the request is what the
client asked sshd to run. One JSON text a request; every start, stop and refusal is logged.

    list                    all slots of the group, and what runs in them
    watch                   one such list for each line that comes in
    start SLOT [least]      start it, if it is stopped and not held back; one that its group always
                            has starts before those that work asks for
    stop SLOT[.START]       stop it and empty its spill and temporary files; with START, the id of
                            one start of its unit, only while that very start runs
    rest                    start nothing for two minutes, of any group; refused while anything runs
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import syslog
from typing import Any

from adbray_host.gate.changes import GROUP, Resting, rest, start, stop
from adbray_host.gate.slots import SLOT, Refused, listed

REQUEST = re.compile(
    rf"(?P<list>list)|(?P<watch>watch)|(?P<rest>rest)"
    rf"|start (?P<start>{SLOT.pattern})(?P<least> least)?"
    rf"|stop (?P<stop>{SLOT.pattern})(\.(?P<which>[0-9a-f]{{32}}))?",
    re.ASCII,
)
LONGEST_REQUEST = 100
# A head that vanished leaves its watch behind; one that lives asks every second or so.
WATCH_IDLE_S = 300


def watch(group: str) -> None:
    while True:
        signal.alarm(WATCH_IDLE_S)
        line = sys.stdin.readline(64)
        if not line.endswith("\n"):
            return
        say({"slots": listed(group)})


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def group_of(arguments: list[str]) -> str:
    if len(arguments) == 2 and arguments[0] == "--group" and GROUP.fullmatch(arguments[1]):
        return arguments[1]
    raise Refused("usage: slot --group NAME, the request in SSH_ORIGINAL_COMMAND")


def obey(group: str, request: str) -> None:
    """Carry out one request. Raises Refused for everything that is not exactly one of ours."""
    asked = REQUEST.fullmatch(request) if len(request) <= LONGEST_REQUEST else None
    if asked is None:
        raise Refused("allowed: list, watch, rest, start SLOT [least], stop SLOT[.START]")
    if asked["watch"]:
        watch(group)
    elif asked["list"]:
        say({"slots": listed(group)})
    else:
        syslog.syslog(f"group {group}: {request}")
        if asked["rest"]:
            rest()
            say({"slots": []})
        elif asked["start"]:
            say({"slots": [start(group, asked["start"], least=bool(asked["least"]))]})
        else:
            say({"slots": [stop(group, asked["stop"], asked["which"])]})


def main(arguments: list[str]) -> int:
    request = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    os.umask(0o022)
    syslog.openlog("adbray-slot")
    try:
        obey(group_of(arguments), request)
    except Refused as error:
        syslog.syslog(syslog.LOG_WARNING, f"refused {request[:80]!a}: {error}")
        say({"error": str(error), "resting": isinstance(error, Resting)})
        return 1
    except (OSError, subprocess.SubprocessError) as error:
        syslog.syslog(syslog.LOG_ERR, f"{request[:80]!a}: {error}")
        say({"error": f"{type(error).__name__}: {error}"[:600]})
        return 1
    return 0
