"""What a head's and a worker's start cost, by process, beside another build.

    .venv/bin/python -m benchmarks.start [--rounds 5] [--peer CHECKOUT]

A lab of one host for each build, with a head and one worker; as root. Each round stops and starts
the unit of the worker, then that of the head: seconds from the unit's start until its agent
answers, the CPU-seconds of its cgroup by then and five seconds later, and the memory (PSS) that it
has then, by process. The bounds, to the peer's medians: the memory of a head 0.95 times, of a
worker 0.85 times.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.conftest import REPOSITORY, Project, Result, run

NAME = "bench"
GROUP = f"""\
kind: RayCluster
name: {NAME}
head: {{size: micro, disk_gb: 2}}
redis: {{maxmemory_mb: 64}}
worker_groups:
  - {{name: w, size: nano, disk_gb: 2, min_workers: 1, max_workers: 1}}
"""
KINDS = {"worker": f"adbray-worker@{NAME}.w-0.service", "head": f"adbray-head@{NAME}.service"}
SLOTS = {"worker": "w-0", "head": "head"}
MEASURE = REPOSITORY / "benchmarks" / "hosts" / "measure_start.py"
BOUNDS = {"head": 0.95, "worker": 0.85}
# How a process is called in the table: by the first of these that its command line has.
NAMES = (
    ("adbray_host.pyz keeper", "keeper"),
    ("start-head", "start-head, ray start"),
    ("start-worker", "start-worker"),
    ("ray start", "ray start"),
    ("gcs_server", "gcs_server"),
    ("raylet/raylet", "raylet"),
    ("monitor.py --logs", "autoscaler's monitor"),
    ("client.server", "Ray client server"),
    ("dashboard/dashboard.py", "dashboard"),
    ("log_monitor", "log_monitor"),
    ("DashboardAgent", "dashboard agent"),
    ("RuntimeEnvAgent", "runtime environment agent"),
    ("multiprocessing", "dashboard's modules"),
    ("ray-dashboard-", "dashboard's modules"),
)


@dataclass(frozen=True)
class Start:
    """Seconds until the agent answered, CPU-seconds by then and later, MiB by process."""

    up_s: float
    cpu_up_s: float
    cpu_s: float
    processes: Sequence[tuple[str, float, float]] = field(default_factory=list)

    @property
    def pss(self) -> float:
        return sum(one[2] for one in self.processes)

    def by_name(self) -> dict[str, tuple[float, float]]:
        """CPU-seconds and MiB, of processes of one name together."""
        found: dict[str, tuple[float, float]] = {}
        for words, cpu, pss in self.processes:
            name = next((name for part, name in NAMES if part in words), words[:40])
            before = found.get(name, (0.0, 0.0))
            found[name] = (before[0] + cpu, before[1] + pss)
        return found


class Build(Project):
    """A project that the `adbray` of ``checkout`` acts on."""

    checkout = REPOSITORY

    def adbray(self, *arguments: str, timeout_s: float = 600) -> Result:
        python = str(self.checkout / ".venv" / "bin" / "python")
        command = [python, "-m", "adbray_ctl", "-C", str(self.directory), *arguments]
        return run(command, timeout_s=timeout_s, cwd=self.checkout)


@contextmanager
def cluster(checkout: Path) -> Iterator[Build]:
    """A host with a head and a worker."""
    with tempfile.TemporaryDirectory() as folder:
        project = Build(Path(folder))
        project.checkout = checkout
        try:
            project.lab_up("--hosts", "1")
            project.ok("init", "--lab")
            project.write_group(NAME, GROUP)
            project.ok("apply", NAME, "--yes")
            yield project
        finally:
            project.ok("lab", "down")


def start(project: Build, kind: str) -> Start:
    slots: list[dict[str, Any]] = project.json("status", NAME)["slots"]
    slot = next(one for one in slots if one["slot"] == SLOTS[kind])
    port = slot["ports"]["dashboard_agent_http"]
    project.send(MEASURE, slot["host"], "/tmp/measure.py")  # noqa: S108  # a host of the lab
    words = f"python3 /tmp/measure.py '{KINDS[kind]}' {slot['address']} {port}"
    return Start(**json.loads(project.on(slot["host"], words)))


def measure(rounds: int, checkouts: Mapping[str, Path]) -> dict[str, dict[str, list[Start]]]:
    """The starts of each build by kind, one of each in a round."""
    found: dict[str, dict[str, list[Start]]] = {
        name: {kind: [] for kind in KINDS} for name in checkouts
    }
    with ExitStack() as stack:
        built = {name: stack.enter_context(cluster(path)) for name, path in checkouts.items()}
        for number in range(rounds):
            for name, project in built.items():
                for kind in KINDS:
                    found[name][kind].append(start(project, kind))
            print(f"round {number + 1} of {rounds}", flush=True)
    return found


def medians(starts: Sequence[Start]) -> dict[str, float]:
    keys = ("up_s", "cpu_up_s", "cpu_s", "pss")
    return {key: statistics.median(getattr(one, key) for one in starts) for key in keys}


def show(found: Mapping[str, Mapping[str, Sequence[Start]]]) -> None:
    print(f"{'':<16} {'up, s':>7} {'CPU by then':>12} {'CPU, s':>7} {'PSS, MiB':>9}")
    for name, kinds in found.items():
        for kind, starts in kinds.items():
            one = medians(starts)
            row = f"{one['up_s']:>7.2f} {one['cpu_up_s']:>12.2f} {one['cpu_s']:>7.2f}"
            print(f"{name + ', ' + kind:<16} {row} {one['pss']:>9.1f}")
    for name, kinds in found.items():
        for kind, starts in kinds.items():
            print(f"\n{name}, {kind}, the last start by process: CPU-seconds, MiB")
            rows = sorted(starts[-1].by_name().items(), key=lambda item: -item[1][1])
            for process, (cpu, pss) in rows:
                print(f"  {process:<28} {cpu:>6.2f} {pss:>7.1f}")


def misses(found: Mapping[str, Mapping[str, Sequence[Start]]]) -> list[str]:
    """The bounds that do not hold."""
    if "peer" not in found:
        return []
    missed = []
    for kind, bound in BOUNDS.items():
        ours, theirs = medians(found["ours"][kind]), medians(found["peer"][kind])
        ratios = {key: ours[key] / theirs[key] for key in ours}
        print(f"{kind}: " + ", ".join(f"{key} {ratio:.2f}" for key, ratio in ratios.items()))
        if ratios["pss"] > bound:
            missed.append(f"the memory of a {kind} is {ratios['pss']:.2f} times, not {bound}")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", type=Path, help="another checkout, with its own .venv")
    asked = parser.parse_args()
    checkouts = {"ours": REPOSITORY} | ({"peer": asked.peer.resolve()} if asked.peer else {})
    found = measure(asked.rounds, checkouts)
    show(found)
    failed = misses(found)
    print("\n".join(failed) or "within the bounds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
