"""What a job gets inside slots, beside plain `ray start` on the same hosts.

    .venv/bin/python -m benchmarks.rates [--rounds 7]

As root: a head on one lab host and a worker on another, each as large as this machine; a job there
measures the rates of tasks and actor calls by `ray microbenchmark`, and how long an object of 1 GiB
takes from the worker's host to the head's. The same Ray runs beside it by `ray start` on both
hosts, as the same user. One of each in a round, in turns first; the bound is 0.97 times the peer's
medians. The cluster that waits takes some of the cores, from both contenders alike.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.conftest import REPOSITORY, Project

NAME, STORE_GB, BOUND = "bench", 2, 0.97
# Beside those of the group.
GCS_PORT = 6399
HEAD_PORTS = "--ray-client-server-port=10099 --dashboard-port=8299"
PORTS = "--min-worker-port=40000 --max-worker-port=40999"
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
    f" {PORTS}"
)
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


def ours(project: Project) -> str:
    """What a job in the group prints."""
    adbray = [sys.executable, "-m", "adbray_ctl", "-C", str(project.directory)]
    job = ["job", "submit", NAME, "--working-dir", str(JOB.parent), "--", "python", JOB.name]
    done = subprocess.run(
        [*adbray, *job], capture_output=True, text=True, cwd=REPOSITORY, check=False
    )
    if done.returncode != 0:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout


def theirs(project: Project) -> str:
    """What the same program prints on the cluster of `ray start`."""
    python, gcs = ray_of(project).removesuffix("ray") + "python", gcs_of(project)
    run = f"{AS_USER} RAY_ADDRESS={gcs} {python} - <<'END'\n{JOB.read_text()}\nEND"
    done = project.try_on("lab1", f"cd /tmp; {run}", 900)
    if done.code != 0:
        sys.exit(done.err[-3000:])
    return done.out


def start_peer(project: Project) -> None:
    roles = {
        "lab1": (0, f"--head --port={GCS_PORT} {HEAD_PORTS}"),
        "lab2": (CORES, f"--address={gcs_of(project)}"),
    }
    for host, (cpus, role) in roles.items():
        own, store = project.addresses[host], STORE_GB * 2**30
        start = START.format(ray=ray_of(project), own=own, cpus=cpus, store=store)
        project.on(host, f"{start} {role}")
        time.sleep(STARTS_S)


def ray_of(project: Project) -> str:
    (ray,) = project.on("lab1", "ls /opt/adbray/ray-*/bin/ray").split()
    return ray


def gcs_of(project: Project) -> str:
    return f"{project.addresses['lab1']}:{GCS_PORT}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    found: dict[str, Figures] = {"ours": {}, "peer": {}}
    contenders = [("ours", ours), ("peer", theirs)]
    with cluster() as project:
        start_peer(project)
        for _ in range(rounds):
            for who, contender in contenders:
                for name, rate in measured(contender(project)).items():
                    found[who].setdefault(name, []).append(rate)
                    print(f"{who}  {name:<40} {rate:10.2f}/s", flush=True)
            contenders.reverse()
    good = True
    for name, rates in found["ours"].items():
        ratio = statistics.median(rates) / statistics.median(found["peer"][name])
        good &= ratio >= BOUND
        print(f"{name}: {ratio:.2f} times `ray start`, bound {BOUND}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
