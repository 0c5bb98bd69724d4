"""A head's disk filled by a job's output, by files of an actor, of a job, and of an operator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import lab_of
from tests.e2e.elastic import until
from tests.e2e.full import FILL, Head, lives_through_it

NAME = "full"
SPEC = f"""\
kind: RayCluster
name: {NAME}
head: {{size: micro, disk_gb: 1, hosts: {{names: [lab1]}}}}
redis: {{mode: managed, maxmemory_mb: 128}}
worker_groups: [{{name: w, size: nano, disk_gb: 1, min_workers: 1}}]
"""
# One and a half times the disk, at some 30 MB a second.
PRINTS = """\
import time
line = "x" * 1023
for block in range(1536):
    print("\\n".join([line] * 1024))
    time.sleep(0.03)
print("the end")
"""
ACTOR = f"""\
import ray, subprocess
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

ray.init()
(head,) = [node["NodeID"] for node in ray.nodes() if "node:__internal_head__" in node["Resources"]]

@ray.remote(num_cpus=0)
class Writer:
    def fill(self):
        return subprocess.run(["sh", "-c", {FILL % "$HOME/actor"!r}]).returncode

there = NodeAffinitySchedulingStrategy(head, soft=False)
ray.get(Writer.options(scheduling_strategy=there).remote().fill.remote())
"""
FILES = """\
import os
os.mkdir("/tmp/many")
try:
    for number in range(10**7):
        open(f"/tmp/many/{number}", "w").close()
except OSError as error:
    print(number, error)
"""


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    with lab_of(tmp_path_factory.mktemp("full"), "--hosts", "2") as project:
        project.write_group(NAME, SPEC)
        project.ok("apply", NAME, "--yes")
        yield Head(project, NAME, "lab1")


def tell(what: str, took: float) -> None:
    sys.stderr.write(f"\n{what}: back {took:.1f} s after its end\n")


def test_a_job_fills_it(head: Head) -> None:
    head.submit("--", "sh", "-c", FILL % "$HOME/results")
    assert "files of jobs" in head.problem()
    tell("a job's files", lives_through_it(head))


def test_an_actor_fills_it(head: Head, tmp_path: Path) -> None:
    (tmp_path / "actor.py").write_text(ACTOR)
    head.submit("--working-dir", str(tmp_path), "--", "python", "actor.py")
    assert "largest: files of jobs" in head.problem()
    assert "(tmp/actor.1M)" in head.problem()
    tell("an actor's files", lives_through_it(head))


def test_an_operator_fills_it(head: Head) -> None:
    head.project.on(head.host, FILL % f"{head.disk}/dump")
    assert "largest: files of an operator" in head.problem()
    assert "(dump.1M)" in head.problem()
    tell("an operator's files", lives_through_it(head))


def test_files_without_bytes_fill_it(head: Head, tmp_path: Path) -> None:
    (tmp_path / "files.py").write_text(FILES)
    head.submit("--working-dir", str(tmp_path), "--", "python", "files.py")
    assert "of its files are in use" in head.problem()
    tell("a job's empty files", lives_through_it(head))


def test_a_worker_starts_on_a_disk_that_an_operator_filled(head: Head) -> None:
    project, host = head.project, "lab2"
    unit, disk = f"adbray-worker@{NAME}.w-0", f"/var/lib/adbray/{NAME}/w-0"
    project.on(host, FILL % f"{disk}/dump")
    told = project.json("status", NAME)
    assert not told["ready"]
    assert f"w-0 on lab2: its disk {disk} is full" in told["problems"][0]
    project.on(host, f"systemctl kill -s KILL {unit}")

    def joined() -> bool:
        slots = {slot["slot"]: slot for slot in project.json("status", NAME)["slots"]}
        return (slots["w-0"]["restarts"], slots["w-0"]["state"]) == (1, "running")

    until(joined, 120)
    shown = project.ok("clean", NAME, "w-0", "--yes")
    assert "files of an operator" in shown
    assert project.json("status", NAME)["ready"]


def test_a_job_may_print_more_than_the_disk(head: Head, tmp_path: Path) -> None:
    (tmp_path / "prints.py").write_text(PRINTS)
    words = ("--submission-id", "prints", "--working-dir", str(tmp_path), "--no-wait")
    assert head.submit(*words, "--", "python", "prints.py").code == 0
    fullest = 0.0

    def ended() -> bool:
        nonlocal fullest
        fullest = max(fullest, head.project.json("status", NAME)["slots"][0]["disk_used"])
        return str(head.project.json("job", "status", NAME, "prints")["status"]) != "RUNNING"

    until(ended, 400)
    assert head.project.json("job", "status", NAME, "prints")["status"] == "SUCCEEDED"
    log = f"{head.tmp}/ray/session_2*/logs/job-driver-prints.log"
    until(lambda: int(head.project.on(head.host, f"stat -c %s {log}")) <= 64 * 2**20, 60)
    first, *_, last = head.project.ok("job", "logs", NAME, "prints").splitlines()
    assert first.startswith("[adbray cut this log: ")
    assert last == "the end"
    assert head.problem() == ""
    sys.stderr.write(f"\na job's output: the disk was {fullest:.0%} full at most\n")
