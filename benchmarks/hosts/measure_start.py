"""Restart a node's unit on this host, and print what its start cost, as JSON: UNIT ADDRESS PORT."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

WITHIN_S, SETTLES_S = 180, 5


def answers(address: str, port: int) -> bool:
    """Whether the node's agent does; one that wants a token answers too."""
    with contextlib.closing(http.client.HTTPConnection(address, port, timeout=2)) as link:
        try:
            link.request("GET", "/api/local_raylet_healthz")
            return link.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False


def shown(unit: str, name: str) -> str:
    words = ["systemctl", "show", "-P", name, unit]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def cgroup(unit: str) -> str:
    return "/sys/fs/cgroup" + shown(unit, "ControlGroup")


def cpu_s(unit: str) -> float:
    return number(r"usage_usec (\d+)", Path(cgroup(unit), "cpu.stat").read_text()) / 1e6


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text, re.MULTILINE)
    return int(found[1]) if found else 0


def pids(unit: str) -> Iterator[str]:
    for folder, _, _ in os.walk(cgroup(unit)):
        yield from Path(folder, "cgroup.procs").read_text().split()


def process(pid: str) -> tuple[str, float, float]:
    """Its words, CPU-seconds and MiB."""
    folder = Path("/proc", pid)
    words = (folder / "cmdline").read_text().replace("\0", " ")
    ticks = sum(map(int, (folder / "stat").read_text().rsplit(")", 1)[1].split()[11:13]))
    pss = number(r"^Pss:\s+(\d+)", (folder / "smaps_rollup").read_text())
    return words, ticks / os.sysconf("SC_CLK_TCK"), pss / 1024


def main(unit: str, address: str, port: str) -> None:
    subprocess.run(["systemctl", "stop", unit], check=True)
    subprocess.run(["systemctl", "start", "--no-block", unit], check=True)
    ends = time.monotonic() + WITHIN_S
    while not answers(address, int(port)):
        if time.monotonic() > ends:
            sys.exit(f"{unit} does not come up")
        time.sleep(0.05)
    # The head may have started its worker before us.
    began = int(shown(unit, "InactiveExitTimestampMonotonic")) / 1e6
    up_s, cpu_up_s = time.monotonic() - began, cpu_s(unit)
    time.sleep(SETTLES_S)
    found = []
    for pid in pids(unit):
        with contextlib.suppress(OSError):
            found.append(process(pid))
    figures = {"up_s": up_s, "cpu_up_s": cpu_up_s, "cpu_s": cpu_s(unit), "processes": found}
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
