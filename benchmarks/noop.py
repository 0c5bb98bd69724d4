"""How long an apply takes that has nothing to do, beside `ssh host true` to all hosts at once.

    .venv/bin/python -m benchmarks.noop [--hosts 30]

A lab of that many hosts, one group with a slot on each; as root. The bounds: 2 s on 3 hosts, and
on more hosts twice what OpenSSH takes in the same run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import Project

ROUNDS = 7
BOUND_S, BOUND_RATIO = 2.0, 2.0
GROUP = """\
kind: RayCluster
name: bench
head: {{size: micro, disk_gb: 1}}
redis: {{mode: managed, maxmemory_mb: 128}}
worker_groups:
  - {{name: w, size: nano, disk_gb: 1, min_workers: 1, max_workers: {workers}}}
"""


def median_s(work: Callable[[], None]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def raw(project: Project) -> None:
    """OpenSSH to every host at once, with the same key and the same pinned host keys."""
    known = project.directory / ".adbray" / "known_hosts"
    key = project.directory / ".adbray" / "lab" / "id_ed25519"
    command = ["ssh", "-F", "none", "-q", "-i", str(key), "-o", f"UserKnownHostsFile={known}"]
    running = [
        subprocess.Popen([*command, f"root@{address}", "true"], stdin=subprocess.DEVNULL)
        for address in project.addresses.values()
    ]
    assert not any(process.wait() for process in running)


def apply(project: Project) -> None:
    adbray = [str(Path(sys.executable).with_name("adbray")), "-C", str(project.directory)]
    done = subprocess.run([*adbray, "apply", "bench"], capture_output=True, text=True, check=True)
    assert "nothing to change" in done.stdout, done.stdout


def measure(hosts: int) -> tuple[float, float]:
    """Seconds for OpenSSH, and for an apply, on a lab of ``hosts``."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            project.ok("lab", "up", "--hosts", str(hosts))
            found = project.json("lab", "status")["hosts"]
            project.addresses = {host["name"]: host["address"] for host in found}
            project.ok("init", "--lab")
            fleet = project.directory / "fleet.yml"
            fleet.write_text(fleet.read_text().replace("limits: {", "limits: {max_workers: 100, "))
            group = project.directory / "groups" / "bench.yml"
            group.write_text(GROUP.format(workers=max(hosts, 3)))
            project.adbray("apply", "bench", timeout_s=3000)
            apply(project)
            return median_s(lambda: raw(project)), median_s(lambda: apply(project))
        finally:
            project.ok("lab", "down")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=30)
    few, many = 3, parser.parse_args().hosts
    good = True
    print(f"{'hosts':>6} {'ssh true, s':>12} {'apply, s':>9} {'ratio':>6}")
    for hosts in (few, many):
        bare, ours = measure(hosts)
        print(f"{hosts:>6} {bare:>12.2f} {ours:>9.2f} {ours / bare:>6.2f}", flush=True)
        good &= ours < BOUND_S if hosts == few else ours / bare < BOUND_RATIO
    print("within the bounds" if good else "NOT within the bounds")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
