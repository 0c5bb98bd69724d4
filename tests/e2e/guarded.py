"""A lab of three hosts with a group whose head has a standby, and how to watch its heads."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import E2E_JOBS, Project, lab_of, run
from tests.e2e.elastic import inits

NAME = "guarded"
HANG_S = 4
HEADS = ("lab1", "lab2")
SPEC = f"""\
kind: RayCluster
name: {NAME}
head:
  size: micro
  disk_gb: 1
  hosts: {{names: [lab1, lab2]}}
  standby: 1
  virtual_ip: VIRTUAL
  hang_after_s: {HANG_S}
redis: {{maxmemory_mb: 64, hosts: {{names: [lab3]}}}}
worker_groups:
  - {{name: w, size: nano, disk_gb: 1, min_workers: 2, max_workers: 2, hosts: {{names: [lab3]}}}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Three hosts with the group, applied."""
    with applied(tmp_path_factory.mktemp("guarded"), 3, SPEC) as project:
        yield project


@contextmanager
def applied(directory: Path, count: int, text_of_group: str) -> Iterator[Project]:
    """A lab of ``count`` hosts with a group of that file, until the block ends."""
    with lab_of(directory, "--hosts", str(count)) as project:
        fleet = project.directory / "fleet.yml"
        text = fleet.read_text()
        fleet.write_text(text.replace("user: root,", "user: root, connect_timeout_s: 2,"))
        project.write_group(NAME, text_of_group.replace("VIRTUAL", virtual_ip(project)))
        project.ok("apply", NAME)
        yield project


def virtual_ip(site: Project) -> str:
    return site.addresses["lab1"].rpartition(".")[0] + ".200"


def heads(site: Project) -> dict[str, str]:
    """The state of head and standby, by host."""
    slots = site.json("status", NAME)["slots"]
    return {slot["host"]: slot["state"] for slot in slots if slot["kind"] == "head"}


def leader(site: Project) -> str:
    """The host that runs the head, or nothing."""
    return next((host for host, state in heads(site).items() if state == "running"), "")


def drill(site: Project, fault: str, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = site.json("drill", fault, NAME, "--yes", *options)
    return found


def submit(site: Project, seconds: int) -> str:
    """What a job printed that ran count.py on a worker; it must succeed."""
    words = ("--entrypoint-num-cpus", "0.1", "--working-dir", str(E2E_JOBS), "--")
    return site.ok("job", "submit", NAME, *words, "python", "count.py", str(seconds))


class Submitted(threading.Thread):
    """The same beside the test; ``out`` is what it printed, or nothing if it failed."""

    def __init__(self, site: Project, seconds: int) -> None:
        super().__init__()
        self.site, self.seconds, self.out = site, seconds, ""
        self.before = {job["id"] for job in site.json("job", "list", NAME)}

    def run(self) -> None:
        self.out = submit(self.site, self.seconds)

    def counts(self) -> bool:
        """Whether it has begun to count."""
        new = {job["id"] for job in self.site.json("job", "list", NAME)} - self.before
        return any("from" in self.site.adbray("job", "logs", NAME, one).out for one in new)


def counted(out: str) -> tuple[int, int]:
    """The first and the last number of a run of count.py."""
    first, last = re.findall(r"^(?:from|to) (\d+)$", out, re.MULTILINE)
    return int(first), int(last)


def longest_s(out: str) -> float:
    """The longest time for which the actor of count.py gave no answer."""
    (found,) = re.findall(r"^longest (\S+)$", out, re.MULTILINE)
    return float(found)


@dataclass
class Samples:
    """On which hosts a GCS ran, as often as it could be asked."""

    seen: list[tuple[str, ...]] = field(default_factory=list)


@contextmanager
def one_gcs_at_most(site: Project) -> Iterator[Samples]:
    """Watch the hosts of the head while the block runs, past the network: never two have a GCS."""
    samples, over = Samples(), threading.Event()

    def has_gcs(init: int) -> bool:
        enter = ["nsenter", f"--target={init}", "--mount", "--pid"]
        # Not one that has ended and waits for its parent.
        found = run([*enter, "pgrep", "-x", "--runstates", "RSD", "gcs_server"], timeout_s=30)
        return found.code == 0

    def watch() -> None:
        while not over.is_set():
            up = {host: init for host, init in inits(site).items() if host in HEADS}
            for _ in range(20):
                samples.seen.append(tuple(host for host, init in up.items() if has_gcs(init)))
                over.wait(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        over.set()
        watcher.join()
    assert len(samples.seen) > 10
    assert max(len(hosts) for hosts in samples.seen) == 1, samples.seen
