"""What a job gets inside slots, beside plain `ray start` on the same hosts.

    .venv/bin/python -m benchmarks.rates [--rounds 7]

As root: a head on one lab host and a worker on another, each as large as this machine; a job there
measures the rates of tasks and actor calls by `ray microbenchmark`, and how long an object of 1 GiB
takes from the worker's host to the head's. Then the group's units are stopped, and the same Ray
runs by `ray start` on both hosts, as the same user. One of each in a round; the bound is 0.97 times
the peer's medians. Rounds of one contender differ a lot where cores are few.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.conftest import REPOSITORY, Project

NAME, GCS_PORT, STORE_GB, BOUND = "bench", 6399, 2, 0.97
CORES = os.cpu_count() or 1
SIZES = f"sizes:\n  whole: {{cpus: {CORES}, memory_gb: 8}}\n"
GROUP = f"""\
kind: RayCluster
name: {NAME}
ray: {{packages: [numpy]}}
head: {{size: whole, disk_gb: 4, hosts: {{names: [lab1]}}}}
redis: {{mode: none}}
worker_groups:
  - name: w
    size: whole
    disk_gb: 4
    hosts: {{names: [lab2]}}
"""
JOB = REPOSITORY / "benchmarks" / "jobs" / "rates.py"
# `ray start` by hand gives what a slot has: the user, its cores, the store's size.
START = (
    "systemd-run --quiet --collect --unit=peer --uid=adbray -E HOME=/tmp {ray} start --block"
    " --disable-usage-stats --node-ip-address={own} --num-cpus={cpus} --object-store-memory={store}"
)
UNITS = {"lab1": f"adbray-head@{NAME}", "lab2": f"adbray-worker@{NAME}.w-0"}
STARTS_S = 15
AS_USER = "setpriv --reuid=adbray --regid=adbray --clear-groups env HOME=/tmp"
Figures = dict[str, list[float]]


@contextmanager
def cluster() -> Iterator[Project]:
    """Two hosts, and a group with a node on each."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            project.lab_up("--hosts", "2")
            project.ok("init", "--lab")
            fleet = project.directory / "fleet.yml"
            fleet.write_text(fleet.read_text().replace("sizes:\n", SIZES))
            project.write_group(NAME, GROUP)
            project.ok("apply", NAME)
            yield project
        finally:
            project.ok("lab", "down")


def measured(output: str) -> dict[str, float]:
    """Rates per second, the higher the better."""
    (line,) = (line for line in output.splitlines() if line.startswith("RATES "))
    found: dict[str, Any] = json.loads(line.removeprefix("RATES "))
    return {**found["rates"], "1 GiB between hosts": 1 / statistics.median(found["objects_s"])}


def ours(project: Project) -> dict[str, float]:
    """A job in the group."""
    adbray = [sys.executable, "-m", "adbray_ctl", "-C", str(project.directory)]
    job = ["job", "submit", NAME, "--working-dir", str(JOB.parent), "--", "python", JOB.name]
    done = subprocess.run(
        [*adbray, *job], capture_output=True, text=True, cwd=REPOSITORY, check=False
    )
    if done.returncode != 0:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return measured(done.stdout)


def theirs(project: Project) -> dict[str, float]:
    """The same program on a cluster of `ray start`, while the group's units are stopped."""
    (ray,) = project.on("lab1", "ls /opt/adbray/ray-*/bin/ray").split()
    gcs = f"{project.addresses['lab1']}:{GCS_PORT}"
    roles = {"lab1": (0, f"--head --port={GCS_PORT}"), "lab2": (CORES, f"--address={gcs}")}
    python = ray.removesuffix("ray") + "python"
    run = f"{AS_USER} RAY_ADDRESS={gcs} {python} - <<'END'\n{JOB.read_text()}\nEND"
    try:
        # The head first, whose autoscaler would start the worker again.
        for host, unit in UNITS.items():
            project.on(host, f"systemctl stop {unit}")
        for host, (cpus, role) in roles.items():
            own, store = project.addresses[host], STORE_GB * 2**30
            start = START.format(ray=ray, own=own, cpus=cpus, store=store)
            project.on(host, f"{start} {role}")
            time.sleep(STARTS_S)
        done = project.try_on("lab1", f"cd /tmp; {run}", 900)
    finally:
        for host, unit in UNITS.items():
            project.on(host, f"systemctl stop peer; rm -rf /tmp/ray; systemctl start {unit}")
    wait(lambda: bool(project.json("status", NAME)["ready"]))
    if done.code != 0:
        sys.exit(done.err[-3000:])
    return measured(done.out)


def wait(ready: Callable[[], bool], within_s: float = 120) -> None:
    deadline = time.monotonic() + within_s
    while not ready():
        if time.monotonic() > deadline:
            sys.exit("the group did not come back")
        time.sleep(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    found: dict[str, Figures] = {"ours": {}, "peer": {}}
    with cluster() as project:
        for _ in range(rounds):
            for who, contender in (("ours", ours), ("peer", theirs)):
                for name, rate in contender(project).items():
                    found[who].setdefault(name, []).append(rate)
                    print(f"{who}  {name:<40} {rate:10.2f}/s", flush=True)
    good = True
    for name, rates in found["ours"].items():
        ratio = statistics.median(rates) / statistics.median(found["peer"][name])
        good &= ratio >= BOUND
        print(f"{name}: {ratio:.2f} times `ray start`, bound {BOUND}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
