"""From a pending task to its first line on a new worker, beside a plain `ray start` on that host.

    .venv/bin/python -m benchmarks.scaling [--rounds 10]

Four lab hosts and one worker group; as root. The bounds: the median of ours is at most 1.3 times
the median of the peer's, from `ray start` to a task running there, plus one tick of the autoscaler
(1 s). For eight workers at once it is at most twice that for one; where the machine has too few
cores for that, as eight `ray start`s by hand show, the same bound holds beside those.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adbray_ctl.core.slot.names import user_name
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


def value_of(line: str, key: str) -> Any:
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
        float(s) for line in done.stdout.splitlines() if (s := value_of(line, "waited")) is not None
    ]


def ray_start(project: Project, slot: dict[str, Any], resource: str) -> float:
    """`ray start` by hand on a slot's host, beside that slot; gives when that was."""
    gcs = project.json("status", NAME)["addresses"]["gcs"]
    (ray,) = project.on(slot["host"], "ls /opt/adbray/ray-*/bin/ray").split()
    port = slot["ports"]["dashboard_agent_http"]
    start = (
        f"date +%s.%N; systemd-run --quiet --collect --unit=peer-{slot['slot']}"
        f" --uid={user_name(NAME)} -E HOME=/tmp -E RAY_AUTH_MODE=token"
        f" -E RAY_AUTH_TOKEN_PATH=/etc/adbray/{NAME}/token"
        f" {ray} start --block --disable-usage-stats --address={gcs}"
        f" --node-ip-address={slot['address']} --dashboard-agent-listen-port={port}"
        f" --num-cpus=1 --resources='{{\"{resource}\": 1}}'"
        " --object-store-memory=100000000 --object-spilling-directory=/tmp/peer"
    )
    return float(project.on(slot["host"], start).splitlines()[0])


def clear(project: Project, slots: list[dict[str, Any]]) -> None:
    for host in {slot["host"] for slot in slots}:
        project.on(host, "systemctl stop 'peer-*'; rm -rf /tmp/ray /tmp/peer")
    time.sleep(3)


@contextmanager
def answers(project: Project, *words: str) -> Iterator[Callable[[str], Any]]:
    """A job in the background, which looks by now; gives what takes its next answer."""
    job = subprocess.Popen(
        command(project, *words), stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    try:
        time.sleep(8)

        def next_of(key: str) -> Any:
            assert job.stdout is not None
            for line in job.stdout:
                if (found := value_of(line, key)) is not None:
                    return found
            raise AssertionError("the job ended early")

        yield next_of
    finally:
        job.terminate()
        job.communicate()


def theirs(project: Project, slots: list[dict[str, Any]], rounds: int) -> tuple[list[float], ...]:
    """Seconds from `ray start` on a host until Ray knows the node, and until a task runs there."""
    joined, ran = [], []
    with answers(project, "theirs", str(rounds)) as answer:
        for number in range(rounds):
            began = ray_start(project, slots[0], f"peer{number}")
            node, task = answer("peer")
            joined.append(node - began)
            ran.append(task - began)
            clear(project, slots[:1])
    return joined, ran


def theirs_together(project: Project, slots: list[dict[str, Any]]) -> float:
    """Seconds from the first of as many `ray start`s at once until a task runs on each."""
    with (
        answers(project, "together", str(len(slots))) as answer,
        ThreadPoolExecutor(len(slots)) as pool,
    ):
        began = list(pool.map(lambda slot: ray_start(project, slot, "peer"), slots))
        taken = answer("together") - min(began)
    clear(project, slots)
    return float(taken)


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
        slots = [s for s in project.json("status", NAME)["slots"] if s["worker_group"] == "w"]
        one = shown("a task on a new worker", ours(project, 1, rounds))
        joined, ran = theirs(project, slots, rounds)
        shown("`ray start` until Ray knows the node", joined)
        peer = shown("`ray start` until a task runs there", ran)
        eight = shown("eight tasks on eight new workers", ours(project, AT_ONCE, ROUNDS_AT_ONCE))
        together = [theirs_together(project, slots) for _ in range(ROUNDS_AT_ONCE)]
        peers = shown("eight times `ray start` at once until tasks run there", together)
    bound = BOUND * peer + TICK_S
    print(f"one: {one:.2f} s, bound {bound:.2f} s")
    print(f"eight: {eight / one:.2f} times one; `ray start` by hand: {peers / peer:.2f} times one")
    return int(one > bound or eight > max(BOUND_OF_EIGHT * one, BOUND * peers + TICK_S))


if __name__ == "__main__":
    sys.exit(main())
