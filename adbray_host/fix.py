"""The command `fix`: repairs what `adbray check --apply` may repair, and prints one JSON text.

The argument is a JSON object: ``fixes`` are names of functions below, ``sysctls`` the settings to
raise and their least values. Each fix looks first, changes nothing that is good already, and puts
back what it began when it cannot end.
"""

from __future__ import annotations

import json
import os
from typing import Any

from adbray_host import files, programs

NOTE = "# Written by `adbray check --apply`. Belongs to this host, not to a group.\n"
SYSCTL_FILE = "/etc/sysctl.d/90-adbray.conf"
MODULES_FILE = "/etc/modules-load.d/90-adbray.conf"
PATIENCE_S = 10.0


class FixError(Exception):
    """It cannot be repaired here; the message says why."""


def write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    files.write(path, text)


def run(*command: str) -> str:
    done = programs.run(*command, within_s=PATIENCE_S)
    if done.status != 0:
        raise FixError(done.complaint or "%s exits with %d" % (command[0], done.status))
    return done.output


def loop_module(_arguments: dict[str, Any]) -> str:
    if os.path.exists("/dev/loop-control"):
        return ""
    run("modprobe", "loop")
    if not os.path.exists("/dev/loop-control"):
        raise FixError("the loop module is loaded, and /dev/loop-control is still not there")
    write(MODULES_FILE, NOTE + "loop\n")
    return "loaded the loop module; %s loads it at boot" % MODULES_FILE


def inotify(arguments: dict[str, Any]) -> str:
    raised: dict[str, int] = {}
    before: dict[str, str] = {}
    try:
        for name, least in sorted(arguments["sysctls"].items()):
            path = "/proc/sys/" + name.replace(".", "/")
            before[path] = files.read(path).strip()
            if int(before[path] or 0) < least:
                with open(path, "w") as file:
                    file.write("%d\n" % least)
                raised[name] = least
        if raised:
            write(SYSCTL_FILE, sysctl_text(raised))
    except OSError:
        put_back(before)
        raise
    return ", ".join("%s = %d" % item for item in sorted(raised.items()))


def sysctl_text(raised: dict[str, int]) -> str:
    """What an earlier fix wrote stays; only what is raised now changes."""
    settings = files.fields(files.read(SYSCTL_FILE))
    settings.update({name: str(value) for name, value in raised.items()})
    return NOTE + "".join("%s = %s\n" % item for item in sorted(settings.items()))


def put_back(before: dict[str, str]) -> None:
    for path, value in before.items():
        if value and files.read(path).strip() != value:
            try:
                with open(path, "w") as file:
                    file.write(value + "\n")
            except OSError:
                continue


def ntp(_arguments: dict[str, Any]) -> str:
    shown = run("timedatectl", "show")
    if "NTP=yes" in shown.splitlines():
        return ""
    if "CanNTP=yes" not in shown.splitlines():
        raise FixError("no time service is installed")
    run("timedatectl", "set-ntp", "true")
    return "timedatectl set-ntp true"


FIXES = {"loop_module": loop_module, "inotify": inotify, "ntp": ntp}


def outcome(name: str, arguments: dict[str, Any]) -> dict[str, str]:
    try:
        changed = FIXES[name](arguments)
    except (FixError, OSError, ValueError) as error:
        return {"fix": name, "outcome": "failed", "detail": str(error)}
    if changed:
        return {"fix": name, "outcome": "changed", "detail": changed}
    return {"fix": name, "outcome": "kept", "detail": "it was so already"}


def main(words: list[str]) -> None:
    wanted = json.loads(words[0])
    print(json.dumps({"results": [outcome(name, wanted) for name in wanted["fixes"]]}))
