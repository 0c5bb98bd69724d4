"""A lab of four hosts with a group of three worker groups that scale, and how to watch it."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e.conftest import E2E_JOBS, Project, inside, lab_of

NAME = "elastic"
IDLE_S = 4
SPEC = f"""\
kind: RayCluster
name: {NAME}
head: {{size: micro, disk_gb: 2, hosts: {{names: [lab1]}}}}
redis: {{maxmemory_mb: 64, hosts: {{names: [lab1]}}}}
worker_groups:
  - {{name: one, size: nano, disk_gb: 1, min_workers: 1, max_workers: 3, labels: {{tier: one}}}}
  - {{name: two, size: micro, disk_gb: 1, min_workers: 0, max_workers: 4, labels: {{tier: two}}}}
  - {{name: four, size: quad, disk_gb: 1, min_workers: 0, max_workers: 2, labels: {{tier: four}}}}
drain_timeout_s: 5
idle_timeout_s: {IDLE_S}
"""
BOUNDS = {"one": (1, 3), "two": (0, 4), "four": (0, 2)}
CPUS = {"one": 1, "two": 2, "four": 4}
LEAST = {group: least for group, (least, _) in BOUNDS.items()}
_RUNNING = (
    "systemctl list-units --plain --no-legend --state=active,activating,reloading"
    f" 'adbray-worker@{NAME}.*' | cut -d' ' -f1"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Four hosts with a group of three worker groups, applied."""
    with lab_of(tmp_path_factory.mktemp("scaling"), "--hosts", "4") as project:
        fleet = project.directory / "fleet.yml"
        text = fleet.read_text().replace("sizes:\n", "sizes:\n  quad: {cpus: 4, memory_gb: 2}\n")
        fleet.write_text(text.replace("limits: {", "limits: {min_workers: 0, "))
        project.write_group(NAME, SPEC)
        project.ok("apply", NAME)
        yield project


def inits(site: Project) -> dict[str, int]:
    """The PID 1 of each host that is up."""
    return {h["name"]: h["pid"] for h in site.json("lab", "status")["hosts"] if h["pid"]}


def running(site: Project, hosts: Mapping[str, int] | None = None) -> set[str]:
    """The worker slots whose units run; ``hosts``, by their PID 1, saves asking for these."""
    units = " ".join(inside(init, _RUNNING) for init in (hosts or inits(site)).values())
    return {unit.removesuffix(".service").rpartition(".")[2] for unit in units.split()}


def counted(slots: set[str]) -> dict[str, int]:
    count = Counter(slot.rpartition("-")[0] for slot in slots)
    return {group: count[group] for group in BOUNDS}


def until(what: Callable[[], bool], within_s: float = 90) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, f"not within {within_s:g} s"
        time.sleep(0.5)


def at_rest(site: Project, within_s: float = 90) -> None:
    """Wait until each group is at its minimum again."""
    until(lambda: counted(running(site)) == LEAST, within_s)


def demand(site: Project, count: int, hold_s: float, *strategy: str, **options: Any) -> list[Any]:
    """Run tasks that ask for ``options``; gives (slot, seconds waited) of each."""
    words = ("python", "demand.py", str(count), str(hold_s), json.dumps(options), *strategy)
    out = site.ok("job", "submit", NAME, "--working-dir", str(E2E_JOBS), "--", *words)
    (told,) = re.findall(r"^ran (.*)$", out, re.MULTILINE)
    return list(json.loads(told))


@dataclass
class Samples:
    """What ran, as often as it could be asked."""

    seen: list[dict[str, int]] = field(default_factory=list)

    def most(self, group: str) -> int:
        return max(sample[group] for sample in self.seen)


@contextmanager
def sampled(site: Project) -> Iterator[Samples]:
    """Watch the cluster while the block runs; no sample may be outside of [min, max]."""
    samples, over, hosts = Samples(), threading.Event(), inits(site)

    def watch() -> None:
        while not over.is_set():
            samples.seen.append(counted(running(site, hosts)))
            over.wait(0.3)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        over.set()
        watcher.join()
    assert len(samples.seen) > 3
    for sample in samples.seen:
        for group, (least, most) in BOUNDS.items():
            assert least <= sample[group] <= most, sample


def goes_to_its_maximum_and_back(site: Project, group: str) -> None:
    """Demand that only ``group`` fits starts all of its workers and no other's."""
    most = BOUNDS[group][1]
    at_rest(site)
    with sampled(site) as samples:
        ran = demand(site, most, 1, num_cpus=CPUS[group], label_selector={"tier": group})
        at_rest(site)
    assert {slot for slot, _ in ran} == {f"{group}-{n}" for n in range(most)}
    others = {name: samples.most(name) for name in BOUNDS if name != group}
    assert samples.most(group) == most
    assert others == {name: BOUNDS[name][0] for name in others}


def head_process(site: Project) -> str:
    return site.on("lab1", f"systemctl show -p MainPID --value adbray-head@{NAME}")
