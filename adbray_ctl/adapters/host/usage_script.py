"""What a host wrote down of its heads and workers: runs there, as the probe does.

Standard library only, Python 3.7 or newer, and it changes nothing. What it reads is written by
roles/host_base/files/usage.py. Arguments: the moment from which on, in seconds since the epoch, and
a group, or nothing for all.
"""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
import time
from typing import Any

DATA = "/var/lib/adbray-usage"
SYSTEMCTL = "/usr/bin/systemctl"


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
        return []  # ended in this very moment: told by its month, which is read afterwards
    return [one for one in found if isinstance(one, dict)]


def opened(now: float) -> list[dict[str, Any]]:
    """What has not ended: up to now if it runs, else up to when it was last seen."""
    found = []
    for path in sorted(glob.glob(os.path.join(DATA, "open", "*.json"))):
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
    if not units:
        return {}
    shown = [SYSTEMCTL, "show", "--property=Id,ActiveState,InvocationID", "--"]
    done = subprocess.run(shown + units, stdout=subprocess.PIPE, timeout=10, check=True)
    found = {}
    for block in done.stdout.decode().strip().split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("ActiveState") in ("active", "deactivating"):
            found[fields["Id"]] = fields.get("InvocationID", "")
    return found


def closed(since: int) -> list[dict[str, Any]]:
    """What ended after ``since``: each file has what ended in its month."""
    first = time.strftime("%Y-%m", time.gmtime(since))
    paths = sorted(glob.glob(os.path.join(DATA, "*.jsonl")))
    wanted = [path for path in paths if os.path.basename(path)[: len(first)] >= first]
    return [span for path in wanted for span in lines(path) if span.get("end", 0) > since]


def main(since: int, group: str) -> None:
    # In this order: what ends in between is told twice, and not missed.
    still = opened(time.time())
    spans = closed(since) + still
    for span in spans:
        span.pop("unit", None)
    print(json.dumps({"lifetimes": [s for s in spans if group in ("", s.get("group"))]}))


main(int(sys.argv[1]), sys.argv[2])
