"""From a pending task to its first line on a new worker, beside a plain `ray start` on that host.

    .venv/bin/python -m benchmarks.scaling [--rounds 10]

Four lab hosts and one worker group; as root. The bounds: the median of ours is at most 1.3 times
the median of the peer's, from `ray start` to a task running there, plus one tick of the autoscaler
(1 s); for eight workers at once it is at most twice that for one.
"""

from __future__ import annotations

import argparse
import json
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

TICK_S, BOUND, BOUND_OF_EIGHT = 1.0, 1.3, 2.0
AT_ONCE, ROUNDS_AT_ONCE = 8, 3
NAME = "bench"
GROUP = f"""\
kind: RayCluster
name: {NAME}
head: {{size: micro, disk_gb: 1, hosts: {{names: [lab1]}}}}
redis: {{maxmemory_mb: 64, hosts: {{names: [lab1]}}}}
worker_groups:
  - name: w
    size: nano
    disk_gb: 1
    min_workers: 0
    max_workers: {AT_ONCE}
    hosts: {{names: [lab2, lab3, lab4]}}
idle_timeout_s: 2
"""
JOBS = REPOSITORY / "benchmarks" / "jobs"


@contextmanager
def cluster() -> Iterator[Project]:
    """Four hosts, the head on the first, room for eight workers on the others."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            project.ok("lab", "up", "--hosts", "4")
            found = project.json("lab", "status")["hosts"]
            project.addresses = {host["name"]: host["address"] for host in found}
            project.ok("init", "--lab")
            fleet = project.directory / "fleet.yml"
            fleet.write_text(fleet.read_text().replace("limits: {", "limits: {min_workers: 0, "))
            (project.directory / "groups" / f"{NAME}.yml").write_text(GROUP)
            project.ok("apply", NAME)
            yield project
        finally:
            project.ok("lab", "down")


def command(project: Project, *words: str) -> list[str]:
    adbray = [sys.executable, "-m", "adbray_ctl", "-C", str(project.directory)]
    job = ["job", "submit", NAME, "--working-dir", str(JOBS), "--", "python", "scale_up.py"]
    return [*adbray, *job, *words]


def told(line: str, key: str) -> Any:
    return json.loads(line.removeprefix(f"{key} ")) if line.startswith(f"{key} ") else None


def ours(project: Project, count: int, rounds: int) -> list[float]:
    """Seconds from asking until the last of ``count`` tasks runs on a worker of its own."""
    done = subprocess.run(
        command(project, "ours", str(count), str(rounds)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    return [
        float(s) for line in done.stdout.splitlines() if (s := told(line, "waited")) is not None
    ]


def theirs(project: Project, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds from `ray start` on a host until Ray knows the node, and until a task runs there."""
    status = project.json("status", NAME)
    slot = next(one for one in status["slots"] if one["slot"] == "w-0")
    unit = f"/etc/systemd/system/adbray-worker@{NAME}.w-0.service"
    ray = (
        project.on(slot["host"], f"sed -n 's/^Environment=PATH=\\([^:]*\\):.*/\\1/p' {unit}")
        + "/ray"
    )
    joined, ran = [], []
    job = subprocess.Popen(
        command(project, "theirs", str(rounds)), stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert job.stdout is not None
    # The driver takes a moment until it looks.
    time.sleep(8)
    for number in range(rounds):
        start = (
            "date +%s.%N; systemd-run --quiet --collect --unit=peer --uid=adbray"
            " -E HOME=/tmp -E RAY_AUTH_MODE=token"
            f" -E RAY_AUTH_TOKEN_PATH=/etc/adbray/{NAME}/token"
            f" {ray} start --block --disable-usage-stats"
            f" --address={status['addresses']['gcs']} --node-ip-address={slot['address']}"
            f" --num-cpus=1 --resources='{{\"peer{number}\": 1}}'"
            " --object-store-memory=100000000 --object-spilling-directory=/tmp/peer"
        )
        began = float(project.on(slot["host"], start).splitlines()[0])
        project.on(slot["host"], "sleep 2; systemctl is-active peer")
        found = next((one for line in job.stdout if (one := told(line, "peer"))), None)
        assert found is not None, "the job ended early"
        joined.append(found[0] - began)
        ran.append(found[1] - began)
        project.on(slot["host"], "systemctl stop peer; rm -rf /tmp/ray")
        time.sleep(2)
    assert job.wait(60) == 0
    return joined, ran


def shown(name: str, seconds: list[float]) -> float:
    median = statistics.median(seconds)
    every = " ".join(f"{one:.2f}" for one in seconds)
    print(f"{name:<52} median {median:5.2f} s   ({every})", flush=True)
    return median


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with cluster() as project:
        one = shown("a task on a new worker", ours(project, 1, rounds))
        joined, ran = theirs(project, rounds)
        shown("`ray start` until Ray knows the node", joined)
        peer = shown("`ray start` until a task runs there", ran)
        eight = shown("eight tasks on eight new workers", ours(project, AT_ONCE, ROUNDS_AT_ONCE))
    bound = BOUND * peer + TICK_S
    print(f"one: {one:.2f} s, bound {bound:.2f} s; eight: {eight / one:.2f} times one")
    return int(one > bound or eight > BOUND_OF_EIGHT * one)


if __name__ == "__main__":
    sys.exit(main())
