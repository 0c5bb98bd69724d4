"""What a cold apply takes: wall time, and CPU-seconds of the hosts and of the control machine.

    .venv/bin/python -m benchmarks.apply [--hosts 3 15 30 60] [--rounds 3] [--peer CHECKOUT]

As root, with TMPDIR on a file system that the removal of the last lab does not slow down: ext4
without a journal looks past every inode that was freed in the last minutes. First the quickstart
group on three bare lab hosts, then a group with a slot on each of so many hosts, each build on its
own hosts. On those of ours, plain ansible-playbook with its defaults then writes the same files, a
task for each. All have the archive of Ray from before. The bounds: of the other build's time and
CPU-seconds for the quickstart at most 0.55 times, of its control machine's CPU-seconds for each
further host at most 0.4, and of plain Ansible's a quarter.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cpu import Used, used_by
from benchmarks.noop import GROUP
from benchmarks.plain import play_same_files
from tests.e2e.conftest import REPOSITORY, Project

QUICKSTART, NAME = "quickstart", "bench"
BOUND_COLD, BOUND_SLOPE, BOUND_PLAIN = 0.55, 0.4, 0.25
# Hosts answer before all that their boot starts has ended.
SETTLES_S = 5


@dataclass
class Found:
    """What each round took, by contender, and by group or number of hosts."""

    rounds: dict[str, dict[str, list[Used]]] = field(default_factory=dict)

    def add(self, who: str, what: str, used: Used) -> None:
        self.rounds.setdefault(who, {}).setdefault(what, []).append(used)
        print(
            f"{who:<6} {what:>10} hosts: {used.wall_s:7.1f} s, control {used.control_cpu_s:7.1f},"
            f" hosts {used.hosts_cpu_s:7.1f} CPU-s",
            flush=True,
        )

    def median(self, who: str, what: str) -> Used:
        rounds = self.rounds[who][what]
        return Used(
            statistics.median(one.wall_s for one in rounds),
            statistics.median(one.control_cpu_s for one in rounds),
            statistics.median(one.hosts_cpu_s for one in rounds),
        )

    def slope(self, who: str, sizes: Sequence[int]) -> float:
        """The control machine's CPU-seconds for each further host."""
        used = [self.median(who, str(size)).control_cpu_s for size in sizes]
        return statistics.linear_regression(sizes, used).slope


@contextmanager
def lab(hosts: int) -> Iterator[tuple[Project, list[int]]]:
    """A project with so many bare hosts, and their PIDs 1."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        try:
            project.lab_up("--hosts", str(hosts))
            project.ok("init", "--lab")
            fleet = project.directory / "fleet.yml"
            fleet.write_text(fleet.read_text().replace("limits: {", "limits: {max_workers: 100, "))
            project.write_group(NAME, GROUP.format(workers=hosts))
            time.sleep(SETTLES_S)
            yield project, [host["pid"] for host in project.json("lab", "status")["hosts"]]
        finally:
            project.ok("lab", "down")


def cold(checkout: Path, project: Project, machines: Sequence[int], group: str) -> Used:
    """An apply of ``group`` by the build in ``checkout``."""
    adbray = [str(checkout / ".venv" / "bin" / "python"), "-m", "adbray_ctl"]
    command = [*adbray, "-C", str(project.directory), "apply", group]
    try:
        return used_by(command, checkout, machines)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{checkout}: {error.stderr[-3000:]}")


def measure(sizes: Sequence[int], rounds: int, checkouts: Mapping[str, Path]) -> Found:
    """A round of each contender after the other; a first one makes the archive of Ray."""
    found = Found()
    for number in range(rounds + 1):
        for who, checkout in checkouts.items():
            with lab(3) as (project, machines):
                used = cold(checkout, project, machines, QUICKSTART)
            found.add(who if number else f"({who})", QUICKSTART, used)
        for size in sizes if number else ():
            for who, checkout in checkouts.items():
                with lab(size) as (project, machines):
                    found.add(who, str(size), cold(checkout, project, machines, NAME))
                    if checkout == REPOSITORY:
                        found.add("plain", str(size), play_same_files(project, machines))
    return found


def ratios(found: Found, sizes: Sequence[int]) -> Iterator[tuple[str, float, float]]:
    """What is bounded: its name, the ratio, and the bound."""
    ours = found.median("ours", QUICKSTART)
    if "peer" in found.rounds:
        theirs = found.median("peer", QUICKSTART)
        yield "wall time of the quickstart / the peer's", ours.wall_s / theirs.wall_s, BOUND_COLD
        yield "CPU-seconds of the quickstart / the peer's", ours.cpu_s / theirs.cpu_s, BOUND_COLD
    if len(sizes) < 2:
        return
    slope = found.slope("ours", sizes)
    print(f"control CPU-seconds for each further host: {slope:.2f}")
    for who, bound in (("peer", BOUND_SLOPE), ("plain", BOUND_PLAIN)):
        if who in found.rounds:
            name = f"control CPU-seconds for a further host / those of {who}"
            yield name, slope / found.slope(who, sizes), bound


def table(found: Found) -> None:
    print(f"{'':<6} {'hosts':>10} {'wall, s':>8} {'control CPU, s':>15} {'hosts CPU, s':>13}")
    for who, by_size in found.rounds.items():
        for what in by_size if not who.startswith("(") else ():
            one = found.median(who, what)
            cells = f"{one.wall_s:>8.1f} {one.control_cpu_s:>15.1f} {one.hosts_cpu_s:>13.1f}"
            print(f"{who:<6} {what:>10} {cells}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hosts", type=int, nargs="*", default=[3, 15, 30, 60])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", type=Path, help="another checkout, with its own .venv")
    asked = parser.parse_args()
    checkouts = {"ours": REPOSITORY} | ({"peer": asked.peer.resolve()} if asked.peer else {})
    found = measure(asked.hosts, asked.rounds, checkouts)
    table(found)
    good = True
    for name, ratio, bound in ratios(found, asked.hosts):
        print(f"{name}: {ratio:.2f}, bound {bound}")
        good &= ratio <= bound
    print("within the bounds" if good else "NOT within the bounds")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
