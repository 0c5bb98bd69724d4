"""How long a plan of ten groups takes, and how often it logs in to each host, beside another build.

    .venv/bin/python -m benchmarks.plan_groups [--hosts 30] [--rounds 5] [--peer CHECKOUT]

A lab of that many hosts and ten groups that are on none of them; as root. Both builds plan the same
project, one after the other in each round. A login is a line of the host's own sshd. The bounds:
one login on each host, and a fourth of the time that the other build takes.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.conftest import REPOSITORY, Project, inside

GROUPS = 10
BOUND_LOGINS, BOUND_SPEED = 1, 4.0
GROUP = """\
kind: RayCluster
name: {name}
head: {{size: micro, disk_gb: 1, hosts: {{names: [{head}]}}}}
redis: {{maxmemory_mb: 64, hosts: {{names: [{head}]}}}}
worker_groups:
  - {{name: w, size: nano, disk_gb: 1, max_workers: 1, hosts: {{names: [{worker}]}}}}
"""
LOGINS = "journalctl --sync; journalctl --identifier=sshd --output=cat --no-pager --quiet"
ACCEPTED = "Accepted publickey"


@dataclass(frozen=True)
class Plan:
    """One run of `adbray plan`: its seconds, and how often each host was logged in to."""

    wall_s: float
    cpu_s: float
    logins: Mapping[str, int]
    changes: tuple[tuple[str, ...], ...] = ()


def specs(hosts: Sequence[str]) -> dict[str, str]:
    """Ten group files by name: heads and workers go round the hosts."""
    found = {}
    for number in range(GROUPS):
        head, worker = hosts[2 * number % len(hosts)], hosts[(2 * number + 1) % len(hosts)]
        name = f"g{number}"
        found[name] = GROUP.format(name=name, head=head, worker=worker)
    return found


def accepted(journal: str) -> int:
    """The logins that an sshd wrote down."""
    return sum(line.startswith(ACCEPTED) for line in journal.splitlines())


def changes_of(output: str) -> tuple[tuple[str, ...], ...]:
    """What the plans say, as far as two builds say it alike."""
    plans: list[dict[str, Any]] = json.loads(output)
    return tuple(
        (plan["group"], one["node"], one["host"], one["action"])
        for plan in plans
        for one in plan["changes"]
    )


@contextmanager
def fleet(hosts: int) -> Iterator[tuple[Project, dict[str, int]]]:
    """A project with so many hosts and ten groups, and the host's PID 1 by their names."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            project.ok("lab", "up", "--hosts", str(hosts))
            found = project.json("lab", "status")["hosts"]
            project.ok("init", "--lab")
            for example in (project.directory / "groups").glob("*.yml"):
                example.unlink()
            for name, text in specs([host["name"] for host in found]).items():
                project.write_group(name, text)
            yield project, {host["name"]: host["pid"] for host in found}
        finally:
            project.ok("lab", "down")


def logins(machines: Mapping[str, int]) -> dict[str, int]:
    """Of each host since it booted, read past its sshd."""
    return {name: accepted(inside(init, LOGINS)) for name, init in machines.items()}


def plan(checkout: Path, project: Project, machines: Mapping[str, int]) -> Plan:
    """One plan of all groups by the build in ``checkout``."""
    python = checkout / ".venv" / "bin" / "python"
    command = [str(python), "-m", "adbray_ctl", "-C", str(project.directory), "plan", "--json"]
    before, used, began = logins(machines), cpu_s(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=checkout)
    wall, cpu = time.perf_counter() - began, cpu_s() - used
    if done.returncode:
        sys.exit(f"{checkout}: {done.stderr}")
    after = logins(machines)
    new = {name: after[name] - before[name] for name in machines}
    return Plan(wall_s=wall, cpu_s=cpu, logins=new, changes=changes_of(done.stdout))


def cpu_s() -> float:
    """Of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def row(name: str, plans: Sequence[Plan]) -> str:
    wall = statistics.median(one.wall_s for one in plans)
    cpu = statistics.median(one.cpu_s for one in plans)
    counts = [count for one in plans for count in one.logins.values()]
    return f"{name:<8} {wall:>9.2f} {cpu:>9.2f} {min(counts):>8} to {max(counts)}"


def misses(ours: Sequence[Plan], theirs: Sequence[Plan]) -> list[str]:
    """The bounds that do not hold; ``theirs`` may be empty."""
    found = []
    counts = {count for one in ours for count in one.logins.values()}
    if counts != {BOUND_LOGINS}:
        found.append(f"a plan logs in to a host {sorted(counts)} times, not {BOUND_LOGINS}")
    if not theirs:
        return found
    if {one.changes for one in ours} != {one.changes for one in theirs}:
        found.append("the two builds plan differently")
    medians = [statistics.median(one.wall_s for one in plans) for plans in (theirs, ours)]
    speed = medians[0] / medians[1]
    print(f"{speed:.2f} times as fast")
    if speed < BOUND_SPEED:
        found.append(f"a plan is not {BOUND_SPEED:g} times as fast as the peer's")
    return found


def measure(hosts: int, rounds: int, checkouts: Mapping[str, Path]) -> dict[str, list[Plan]]:
    """The plans of each checkout, one of each in a round; a first one of each does not count."""
    found: dict[str, list[Plan]] = {name: [] for name in checkouts}
    with fleet(hosts) as (project, machines):
        for number in range(rounds + 1):
            for name, checkout in checkouts.items():
                one = plan(checkout, project, machines)
                if number:
                    found[name].append(one)
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", type=Path, help="another checkout, with its own .venv")
    asked = parser.parse_args()
    checkouts = {"ours": REPOSITORY} | ({"peer": asked.peer.resolve()} if asked.peer else {})
    found = measure(asked.hosts, asked.rounds, checkouts)
    print(f"{'':<8} {'wall, s':>9} {'CPU, s':>9} {'logins per host':>15}")
    for name, plans in found.items():
        print(row(name, plans), flush=True)
    failed = misses(found["ours"], found.get("peer", []))
    print("\n".join(failed) or "within the bounds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
