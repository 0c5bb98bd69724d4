"""The command `read-logs REQUEST`: which logs a host has of a group, or those of one slot.

REQUEST is JSON. Without a slot, all that there is of the group; with one, lines as JSON lists of
source and text. Who follows ends it by closing its standard input.
"""

from __future__ import annotations

import calendar
import fnmatch
import json
import os
import re
import select
import subprocess
import sys
import time
from typing import Any

from adbray_host import layout, records, slot_logs
from adbray_host.programs import said

JOURNAL = "journal"
# Of a log whose lines are not counted by hand.
MOST_BYTES = 16 * 1024 * 1024
# Of each log, by how many of its lines are wanted; and whatever that is, for long ones.
LINE_BYTES = 400
LEAST_BYTES = 64 * 1024
LOOK_AGAIN_S = 0.5
_TIME = re.compile(r"\[?(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)")


def emit(source: str, lines: list[str]) -> None:
    for line in lines:
        print(json.dumps([source, line]))
    sys.stdout.flush()


def chosen(text: str, asked: dict[str, Any]) -> list[str]:
    """The last lines that are wanted; one without a time belongs to the one before."""
    lines = text.splitlines()
    if asked["since"]:
        for number, line in enumerate(lines):
            at = time_of(line)
            if at is not None and at >= asked["since"]:
                lines = lines[number:]
                break
        else:
            lines = []
    return lines[-asked["lines"] :] if asked["lines"] else lines


def time_of(line: str) -> float | None:
    """When a line was written, by the clock of this host; None where it does not say."""
    match = _TIME.match(line)
    if match is None:
        return None
    try:
        return time.mktime(time.strptime(" ".join(match.groups()), "%Y-%m-%d %H:%M:%S"))
    except (ValueError, OverflowError):
        return None


def bytes_of(asked: dict[str, Any]) -> int:
    lines = int(asked["lines"])
    return min(max(lines * LINE_BYTES, LEAST_BYTES), MOST_BYTES) if lines else MOST_BYTES


def journalctl(units: list[str], asked: dict[str, Any], until: float = 0) -> list[str]:
    command = ["journalctl", "--no-pager", "-q", "-o", "short-iso"]
    command += ["-n", str(asked["lines"])] if asked["lines"] else []
    command += ["--since", "@%d" % asked["since"]] if asked["since"] else []
    command += ["--until", "@%d" % until] if until else []
    return command + [word for unit in units for word in ("-u", unit)]


def wants(source: str, asked: dict[str, Any]) -> bool:
    return fnmatch.fnmatch(source, asked["file"])


def previous(asked: dict[str, Any]) -> None:
    """What is kept of one start, and what the journal says of that time."""
    (one,) = [
        one
        for one in slot_logs.kept(asked["group"], asked["node"])
        if one["start"] == asked["start"]
    ]
    began = calendar.timegm(time.strptime(one["start"][:16], slot_logs.STARTED))
    unit = layout.unit_of("worker", asked["group"], asked["node"])
    if wants(JOURNAL, asked):
        since = dict(asked, since=asked["since"] or began)
        text = said(*journalctl([unit], since, one["ended_at"] + 2))
        emit(JOURNAL, text.splitlines())
    found = slot_logs.kept_files(asked["group"], asked["node"], one["start"], bytes_of(asked), True)
    for name, text in found:
        if wants(name, asked):
            emit(name, chosen(text, asked))


def present(asked: dict[str, Any]) -> None:
    record = slot_logs.records_of(asked["group"])[asked["node"]]
    units, disk = records.units_of(asked["group"], record), layout.disk_of(record)
    command = journalctl(units, asked)
    if wants(JOURNAL, asked) and not asked["follow"]:
        emit(JOURNAL, said(*command).splitlines())
    places: dict[int, int] = {}
    for name, state in slot_logs.session_files(disk):
        if wants(slot_logs.shown(name), asked):
            text = slot_logs.tail(disk, name, bytes_of(asked), True)
            emit(slot_logs.shown(name), chosen(text, asked))
        places[state.st_ino] = state.st_size
    if asked["follow"]:
        follow(asked, disk, command if wants(JOURNAL, asked) else [], places)


def follow(asked: dict[str, Any], disk: str, command: list[str], places: dict[int, int]) -> None:
    """Go on with whatever is written, until standard input ends."""
    output, input_ = os.pipe()
    journal = subprocess.Popen([*command, "-f"], stdout=input_) if command else None
    waiting, rest = [0, output] if journal else [0], b""
    try:
        while True:
            ready = select.select(waiting, [], [], LOOK_AGAIN_S)[0]
            if 0 in ready and not os.read(0, 4096):
                return
            if output in ready:
                data = os.read(output, 65536)
                *lines, rest = (rest + data).split(b"\n")
                emit(JOURNAL, [line.decode("utf-8", "replace") for line in lines])
            grown(asked, disk, places)
    finally:
        if journal:
            journal.kill()


def grown(asked: dict[str, Any], disk: str, places: dict[int, int]) -> None:
    # By inode: a log that is turned over has another name.
    for name, state in slot_logs.session_files(disk):
        source, place = slot_logs.shown(name), places.get(state.st_ino, 0)
        place = 0 if state.st_size < place else place
        if state.st_size == place or not wants(source, asked):
            continue
        try:
            handle = slot_logs.opened(disk, name)
        except OSError:
            continue
        if handle is None:
            continue
        data = os.pread(handle, MOST_BYTES, place)
        os.close(handle)
        # A line that is not at its end comes with the next look.
        whole = data.rpartition(b"\n")[0]
        if whole:
            emit(source, whole.decode("utf-8", "replace").split("\n"))
            places[state.st_ino] = place + len(whole) + 1


def main(words: list[str]) -> None:
    asked = json.loads(words[0])
    if not asked.get("node"):
        slots = list(slot_logs.records_of(asked["group"]))
        print(json.dumps({"slots": slots, "kept": slot_logs.kept(asked["group"])}))
    elif asked["start"]:
        previous(asked)
    else:
        present(asked)
