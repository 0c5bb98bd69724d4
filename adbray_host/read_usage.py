"""The command `read-usage SINCE GROUP [NOW]`: what a host wrote down of its heads and workers.

SINCE and NOW are in seconds since the epoch, GROUP a group, or nothing for all.
"""

from __future__ import annotations

import glob
import json
import os
import time
from typing import Any

from adbray_host import layout, systemd

_WITHIN_S = 10


def lines(path: str) -> list[dict[str, Any]]:
    """What a file of one JSON text a line holds; a line that was cut short is left out."""
    found = []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    found.append(json.loads(line))
                except ValueError:
                    continue
    except FileNotFoundError:
        return []  # ended in this very moment: its month has it, which is read afterwards
    return [one for one in found if isinstance(one, dict)]


def opened(now: float) -> list[dict[str, Any]]:
    """What has not ended: up to now if it runs, else up to when it was last seen."""
    found = []
    for path in sorted(glob.glob(os.path.join(layout.USAGE, "open", "*.json"))):
        try:
            seen = os.stat(path).st_mtime
        except FileNotFoundError:
            continue
        found += [dict(span, end=int(seen)) for span in lines(path)]
    running = runs([span["unit"] for span in found])
    for span in found:
        if running.get(span["unit"]) == span["id"]:
            span["end"] = max(int(now), span["start"])
    return found


def runs(units: list[str]) -> dict[str, str]:
    """The id of the start of each of ``units`` that runs."""
    shown = systemd.show(units, ("ActiveState", "InvocationID"), _WITHIN_S)
    running = ("active", "deactivating")
    return {
        unit: fields.get("InvocationID", "")
        for unit, fields in shown.items()
        if fields.get("ActiveState") in running
    }


def closed(since: int) -> list[dict[str, Any]]:
    """What ended after ``since``: each file has what ended in its month."""
    first = time.strftime("%Y-%m", time.gmtime(since))
    paths = sorted(glob.glob(os.path.join(layout.USAGE, "*.jsonl")))
    wanted = [path for path in paths if os.path.basename(path)[: len(first)] >= first]
    return [span for path in wanted for span in lines(path) if span.get("end", 0) > since]


def main(words: list[str]) -> None:
    since, group = int(words[0]), words[1]
    now = float(words[2]) if len(words) > 2 else time.time()
    # In this order: what ends in between is counted twice, and not missed.
    still = opened(now)
    spans = closed(since) + still
    for span in spans:
        span.pop("unit", None)
    print(json.dumps({"lifetimes": [s for s in spans if group in ("", s.get("group"))]}))
