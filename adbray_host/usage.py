"""Write down when the heads and workers of this host ran, and with what: their usage.

Runs as root, from their units and once a minute. It says nothing when all is well.

    start GROUP NAME    the unit has started whose record is /etc/adbray/GROUP/NAME.json
    stop GROUP NAME     it has ended
    tick                what runs is seen; what ended unseen is closed, what began unseen is opened

A node that runs has a file in open/, whose time of change is when it was last seen to run. One that
ended is a line in the file of the month, in UTC, in which it ended. All times are whole seconds
since the epoch; `up` is for how long the host had been up at the start, which stays true when a
wrong clock is put right. The head has no part in it: its loss loses nothing.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import sys
import time
from contextlib import AbstractContextManager
from typing import Any

from adbray_host import layout, systemd
from adbray_host.files import read_json
from adbray_host.locks import locked as held

GPUS = "/proc/driver/nvidia/gpus"

# Before this one: a year can still be looked at when it is over.
KEPT_MONTHS = 13
# A start that is off by more was told by a clock that was wrong.
CLOCK_OFF_S = 60
SHOWN = ("ActiveState", "InvocationID", "ActiveEnterTimestampMonotonic")


def billed(group: str, name: str) -> dict[str, Any] | None:
    """What the node is billed for, as its record says; None if it has none."""
    record = read_json(layout.record_of(group, name))
    if record is None or record.get("kind") not in ("head", "worker"):
        return None
    gpu = record.get("gpu") or {}
    cards = gpu.get("cards") or []
    return {
        "group": group,
        "slot": record["slot"],
        "worker_group": record.get("worker_group") or "",
        "size": record.get("size") or "",
        "cpus": record["cpus"],
        "disk_gb": record["disk_gb"],
        "cards": len(cards),
        "slices": gpu.get("slices", 1),
        "gpu_model": gpu_model(cards),
        "unit": record["unit"],
    }


def gpu_model(cards: list[int]) -> str:
    """The model of the first of ``cards``, which NVIDIA numbers in the order of their buses."""
    folders = sorted(glob.glob(os.path.join(GPUS, "*")))
    if not cards or cards[0] not in range(len(folders)):
        return ""
    try:
        with open(os.path.join(folders[cards[0]], "information"), encoding="utf-8") as file:
            models = [line.partition(":")[2].strip() for line in file if line.startswith("Model:")]
    except (OSError, ValueError):
        return ""
    return models[0] if models else ""


def path_of(group: str, name: str) -> str:
    return os.path.join(layout.USAGE, "open", group + "." + name + ".json")


def locked() -> AbstractContextManager[None]:
    os.makedirs(os.path.join(layout.USAGE, "open"), mode=0o700, exist_ok=True)
    return held(layout.USAGE)


def open_span(path: str, span: dict[str, Any], seen: float) -> None:
    new = os.path.join(os.path.dirname(path), ".new")
    with open(new, "w", encoding="utf-8") as file:
        json.dump(span, file)
    os.utime(new, (seen, seen))
    os.rename(new, path)


def close_span(path: str, span: dict[str, Any], end: float) -> None:
    """The open file goes once the line is on the disk: in between there are both, never none."""
    write_down(path, span, end)
    os.unlink(path)


def write_down(path: str, span: dict[str, Any], end: float) -> None:
    # Without room for the line, the end is known all the same when there is some again.
    os.utime(path, (end, end))
    closed = {key: value for key, value in span.items() if key not in ("unit", "up")}
    closed["end"] = max(int(end), span["start"])
    month = time.strftime("%Y-%m", time.gmtime(closed["end"]))
    append(os.path.join(layout.USAGE, month + ".jsonl"), json.dumps(closed) + "\n")


def append(path: str, line: str) -> None:
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.lseek(handle, 0, os.SEEK_END)
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = "\n" + line  # after one that a full disk or a loss of power cut short
        data = line.encode()
        if os.write(handle, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        os.fsync(handle)
    finally:
        os.close(handle)


def start(group: str, name: str, invocation: str, now: float, up: float) -> None:
    path = path_of(group, name)
    with locked():
        close_unseen(path)
        node = billed(group, name)
        if node is not None:
            open_span(path, dict(node, id=invocation, start=int(now), up=up), now)


def stop(group: str, name: str, invocation: str, now: float, up: float) -> None:
    path = path_of(group, name)
    with locked():
        span = read_json(path)
        if span is not None and span["id"] == invocation:
            put_right(path, span, now, up)
            close_span(path, span, now)
        else:
            close_unseen(path)


def close_unseen(path: str) -> None:
    """Close what ended without saying so, as of when it was last seen."""
    span = read_json(path)
    if span is not None:
        close_span(path, span, os.stat(path).st_mtime)


def put_right(path: str, span: dict[str, Any], now: float, up: float) -> None:
    """Let ``span`` begin when it did by the clock of now, which may have been put right since."""
    # One start of a unit is within one boot.
    began = now - (up - span["up"]) if "up" in span else span["start"]
    if abs(began - span["start"]) > CLOCK_OFF_S:
        span["start"] = int(began)
        open_span(path, span, now)


def tick(now: float, up: float, awake: float) -> None:
    """``awake`` is ``up`` without the time asleep, as systemd's monotonic times count."""
    with locked():
        prune(now)
        nodes = known()
        states = systemd.show([node["unit"] for node in nodes.values()], SHOWN)
        for path, node in nodes.items():
            state = states.get(node["unit"])
            if state is not None:
                entered = int(state.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
                settle(path, state, now, up, age=max(awake - entered, 0))


def known() -> dict[str, dict[str, Any]]:
    """All nodes with a record or an open file, by the path of the latter."""
    nodes = {}
    for path in glob.glob(os.path.join(layout.USAGE, "open", "*.json")):
        span = read_json(path)
        if span is not None:
            nodes[path] = span
    for record in glob.glob(layout.record_of("*", "*")):
        group, name = os.path.basename(os.path.dirname(record)), os.path.basename(record)[:-5]
        node = billed(group, name)
        if node is not None:
            nodes.setdefault(path_of(group, name), node)
    return nodes


def settle(path: str, state: dict[str, str], now: float, up: float, age: float) -> None:
    """Make what is written of one node agree with what systemd says of it."""
    span, active = read_json(path), state.get("ActiveState", "")
    ended = active in ("inactive", "failed")
    if span is not None and (ended or span["id"] != state.get("InvocationID")):
        close_unseen(path)
        span = None
    # In any other state the unit's own call is under way.
    if active != "active":
        return
    if span is not None:
        put_right(path, span, now, up)
    group, _, name = os.path.basename(path)[:-5].partition(".")
    node = billed(group, name)
    if span is None and node is not None:
        opened = {"id": state.get("InvocationID", ""), "start": int(now - age), "up": up - age}
        open_span(path, dict(node, **opened), now)
    elif span is not None and node is not None and node["disk_gb"] != span["disk_gb"]:
        # A disk grows under a node that runs on, and the record is written as it does.
        written = os.stat(layout.record_of(group, name)).st_mtime
        grown = int(min(written, now))
        # A part without a second in it would have the id and the start of the next, and hide it.
        if grown > span["start"]:
            write_down(path, span, grown)
            span.update(start=grown, up=up - (now - grown))
        open_span(path, dict(span, disk_gb=node["disk_gb"]), now)
    elif span is not None:
        os.utime(path, (now, now))


def prune(now: float) -> None:
    """Remove what is old, if as much came after it: a clock far ahead must not cost it all."""
    today = time.gmtime(now)
    months = today.tm_year * 12 + today.tm_mon - 1 - KEPT_MONTHS
    oldest = f"{months // 12:04d}-{months % 12 + 1:02d}"
    written = sorted(glob.glob(os.path.join(layout.USAGE, "[0-9]*-[0-9]*.jsonl")))
    for path in written[: -(KEPT_MONTHS + 1)]:
        if os.path.basename(path)[: len(oldest)] < oldest:
            os.unlink(path)


def main(words: list[str]) -> int:
    os.umask(0o077)
    invocation = os.environ.get("INVOCATION_ID", "")
    now, up = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    if words == ["tick"]:
        tick(now, up, time.monotonic())
    elif len(words) == 3 and words[0] in ("start", "stop"):
        (start if words[0] == "start" else stop)(words[1], words[2], invocation, now, up)
    else:
        print("usage: usage start GROUP NAME | stop GROUP NAME | tick", file=sys.stderr)
        return 2
    return 0
