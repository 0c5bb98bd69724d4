#!/usr/bin/python3 -I
"""List, start and stop the worker slots of one group on this host, for the group's head.

Runs as root. sshd starts it by a forced command that names the group; the request is what the
client asked sshd to run. One JSON text a request; every start, stop and refusal is logged.

    list                    all slots of the group, and what runs in them
    watch                   one such list for each line that comes in
    start SLOT              start it, if it is stopped and not held back
    stop SLOT[.START]       stop it and empty its spill and temporary files; with START, the id of
                            one start of its unit, only while that very start runs
    rest                    start nothing for two minutes, of any group; refused while anything runs
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import syslog
import time
from collections.abc import Iterable, Iterator
from typing import Any

ETC = "/etc/adbray"
DATA = "/var/lib/adbray"
RUN = "/run/adbray"
SYSTEMCTL = "/usr/bin/systemctl"
JOURNALCTL = "/usr/bin/journalctl"

GROUP = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
SLOT = re.compile(r"[a-z][a-z0-9-]{0,31}-[0-9]{1,5}", re.ASCII)
REQUEST = re.compile(
    rf"(?P<list>list)|(?P<watch>watch)|(?P<rest>rest)|start (?P<start>{SLOT.pattern})"
    rf"|stop (?P<stop>{SLOT.pattern})(\.(?P<which>[0-9a-f]{{32}}))?",
    re.ASCII,
)
LONGEST_REQUEST = 100
# systemd stops a worker within 15 s (TimeoutStopSec) and starts one within a few.
SYSTEMD_S = 45
# A head that vanished leaves its watch behind; one that lives asks every second or so.
WATCH_IDLE_S = 300
# By then a host that is put to sleep sleeps.
REST_S = 120
SHOWN = "Id,LoadState,ActiveState,SubState,InvocationID,NRestarts,Result"
RUNNING = ("active", "activating", "reloading")


class Refused(Exception):
    """The request is not carried out; the text says why."""


class Resting(Refused):
    """The host is about to be put to sleep."""


def slots_of(group: str, only: str | None = None) -> dict[str, str]:
    """The worker group of each of the group's worker slots, or of one, as their records say.

    Raises Refused for a record that cannot be read: a slot that is left out would count as gone,
    and be started on another host.
    """
    found: dict[str, str] = {}
    folder = os.path.join(ETC, group)
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return found
    for name in sorted(names):
        slot, suffix = os.path.splitext(name)
        if suffix != ".json" or not SLOT.fullmatch(slot) or only not in (None, slot):
            continue
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                record = json.load(file)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise Refused(f"{os.path.join(folder, name)} cannot be read: {error}") from error
        if (record.get("kind"), record.get("group"), record.get("slot")) == ("worker", group, slot):
            found[slot] = str(record.get("worker_group"))
    return found


def unit_of(group: str, slot: str) -> str:
    return f"adbray-worker@{group}.{slot}.service"


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


def states(group: str, slots: Iterable[str]) -> dict[str, dict[str, str]]:
    """What systemd says of each slot's unit, by slot."""
    units = {unit_of(group, slot): slot for slot in slots}
    if not units:
        return {}
    done = run(SYSTEMCTL, "show", f"--property={SHOWN}", "--", *units)
    if done.returncode != 0:
        raise Refused(f"systemd does not say what runs: {done.stdout.strip()[:200]}")
    found = {}
    for block in done.stdout.strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("Id") in units:
            found[units[fields["Id"]]] = fields
    return found


def listed(group: str, only: str | None = None) -> list[dict[str, Any]]:
    """The answer to `list`, or one slot's part of it."""
    slots = slots_of(group, only)
    known = states(group, slots)
    return [described(group, slot, slots[slot], known.get(slot, {})) for slot in slots]


def described(group: str, slot: str, worker_group: str, fields: dict[str, str]) -> dict[str, Any]:
    active = fields.get("ActiveState", "")
    state = "stopped"
    if active in RUNNING:
        state = "running"
    elif active == "deactivating":
        state = "stopping"
    detail = ""
    if fields.get("LoadState") != "loaded":
        detail = f"{unit_of(group, slot)} is {fields.get('LoadState') or 'unknown'}"
    elif fields.get("Result", "success") != "success":
        detail = f"its unit ended with {fields['Result']}"
    return {
        "slot": slot,
        "worker_group": worker_group,
        "state": state,
        "start": fields.get("InvocationID", "") if state != "stopped" else "",
        "restarts": int(fields.get("NRestarts") or 0),
        "held": is_held(group, slot),
        "detail": detail,
    }


def is_held(group: str, slot: str) -> bool:
    """Whether an operator keeps the slot back: a file that says until when."""
    return is_before(os.path.join(RUN, group, f"{slot}.hold"))


def card_fault(group: str, slot: str) -> str:
    """What the watch of the role gpu found wrong with a slot's cards; nothing without such a watch.

    A worker would only fail there, and Ray would hand it the next task.
    """
    try:
        with open(os.path.join(ETC, group, f"{slot}.json"), encoding="utf-8") as file:
            cards = (json.load(file).get("gpu") or {}).get("cards", [])
        with open(os.path.join(RUN, "gpus.json"), encoding="utf-8") as file:
            told = json.load(file)["found"]
        bad = [card for card in told if card["index"] in cards and card["faults"]]
        return "; ".join(f"GPU {card['index']}: {', '.join(card['faults'])}" for card in bad)
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def is_before(path: str) -> bool:
    """Whether it is earlier than the time (seconds since the epoch) that a file holds."""
    try:
        with open(path, encoding="ascii") as file:
            return float(file.read(32)) > time.time()
    except (OSError, ValueError):
        return False


def groups() -> list[str]:
    try:
        return [name for name in os.listdir(ETC) if GROUP.fullmatch(name)]
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def locked(path: str, how: int) -> Iterator[None]:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def sole(group: str, slot: str) -> Iterator[None]:
    """One start or stop of a slot at a time, and none while the host is told to rest."""
    host, own = os.path.join(RUN, "host.lock"), os.path.join(RUN, group, f"{slot}.lock")
    with locked(host, fcntl.LOCK_SH), locked(own, fcntl.LOCK_EX):
        yield


def require(group: str, slot: str) -> None:
    if slot not in slots_of(group, slot):
        raise Refused(f"group {group} has no worker slot {slot} on this host")


def rest() -> None:
    with locked(os.path.join(RUN, "host.lock"), fcntl.LOCK_EX):
        states_that_run = ",".join((*RUNNING, "deactivating"))
        command = ("list-units", "--plain", "--no-legend", f"--state={states_that_run}")
        units = run(SYSTEMCTL, *command, "adbray-*@*.service").stdout.split("\n")
        running = [line.split()[0] for line in units if line.strip()]
        if running:
            raise Refused(f"{', '.join(running[:5])} runs here")
        if any(is_held(group, slot) for group in groups() for slot in slots_of(group)):
            raise Refused("slots are being changed here")
        with open(os.path.join(RUN, "resting"), "w", encoding="ascii") as file:
            file.write(f"{time.time() + REST_S:.0f}")


def start(group: str, slot: str) -> dict[str, Any]:
    with sole(group, slot):
        require(group, slot)
        if is_before(os.path.join(RUN, "resting")):
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
        run(SYSTEMCTL, "reset-failed", "--", unit)
        done = run(SYSTEMCTL, "start", "--", unit)
        if done.returncode != 0:
            told = run(JOURNALCTL, "--no-pager", "-q", "-o", "cat", "-n", "3", "-u", unit).stdout
            run(SYSTEMCTL, "stop", "--", unit)  # or systemd would try on and on
            run(SYSTEMCTL, "reset-failed", "--", unit)  # the head keeps the reason
            reason = " / ".join((done.stdout.strip() + "\n" + told.strip()).splitlines())
            raise Refused(f"{unit} does not start: {reason[:600]}")
        (now,) = listed(group, slot)
        return now


def stop(group: str, slot: str, which: str | None) -> dict[str, Any]:
    with sole(group, slot):
        require(group, slot)
        (now,) = listed(group, slot)
        if which and now["start"] != which:
            return now
        done = run(SYSTEMCTL, "stop", "--", unit_of(group, slot))
        if done.returncode != 0:
            raise Refused(f"{unit_of(group, slot)} does not stop: {done.stdout.strip()[:600]}")
        # Ended while it began, it counts as failed, which nobody needs to look at.
        run(SYSTEMCTL, "reset-failed", "--", unit_of(group, slot))
        empty(os.path.join(DATA, group, slot))
        (now,) = listed(group, slot)
        return now


def empty(disk: str) -> None:
    """Remove what a stopped worker left; nothing where the slot's own disk is not mounted."""
    if not is_mounted(disk):
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


def is_mounted(path: str) -> bool:
    """Whether something is mounted right there; os.path.ismount sees no bind mounts."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return any(line.split()[4] == path for line in file)


def watch(group: str) -> None:
    while True:
        signal.alarm(WATCH_IDLE_S)
        line = sys.stdin.readline(64)
        if not line.endswith("\n"):
            return
        tell({"slots": listed(group)})


def tell(answer: dict[str, Any]) -> None:
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
        raise Refused("allowed: list, watch, rest, start SLOT, stop SLOT[.START]")
    if asked["watch"]:
        watch(group)
    elif asked["list"]:
        tell({"slots": listed(group)})
    else:
        syslog.syslog(f"group {group}: {request}")
        if asked["rest"]:
            rest()
            tell({"slots": []})
        elif asked["start"]:
            tell({"slots": [start(group, asked["start"])]})
        else:
            tell({"slots": [stop(group, asked["stop"], asked["which"])]})


def main(arguments: list[str], request: str) -> int:
    os.umask(0o022)
    syslog.openlog("adbray-slot")
    try:
        obey(group_of(arguments), request)
    except Refused as error:
        syslog.syslog(syslog.LOG_WARNING, f"refused {request[:80]!a}: {error}")
        tell({"error": str(error), "resting": isinstance(error, Resting)})
        return 1
    except (OSError, subprocess.SubprocessError) as error:
        syslog.syslog(syslog.LOG_ERR, f"{request[:80]!a}: {error}")
        tell({"error": f"{type(error).__name__}: {error}"[:600]})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ.get("SSH_ORIGINAL_COMMAND", "")))
