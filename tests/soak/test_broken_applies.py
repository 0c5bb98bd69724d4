"""An apply that is killed, or loses a host, anywhere: the next one finishes it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.conftest import GROUP, REPOSITORY, Project
from tests.e2e.plans import actions, pids

# Where the process is killed: the first line of its progress that has this in it.
POINTS = (
    "apply quickstart",
    "step 1",
    "draining large-0",
    "worker_disk",
    "ray_worker: Ensure token",
    "ray_worker: Ensure that",
    "waiting for 1 of 1: large-0",
    "step 2",
    "draining large-1",
    "waiting for 1 of 1: large-1",
)
NOT_BATCHED = {f"adbray-head@{GROUP}.service", f"adbray-redis@{GROUP}.service"}


def change(cluster: Project, value: str, disk_gb: int) -> None:
    """Give ``large`` another label, and a larger disk so that its disk's role has work as well."""
    path = cluster.directory / "groups" / f"{GROUP}.yml"
    head, large = path.read_text().split("  - name: large\n")
    large = re.sub(r"    labels: .*\n", "", large)
    large = re.sub(r"disk_gb: \d+", f"disk_gb: {disk_gb}", large)
    path.write_text(f"{head}  - name: large\n    labels: {{round: {value}}}\n{large}")


@contextmanager
def apply_until(cluster: Project, point: str) -> Iterator[subprocess.Popen[str]]:
    """An apply that has just come to ``point``."""
    command = [sys.executable, "-m", "adbray_ctl", "-C", str(cluster.directory), "apply", GROUP]
    process = subprocess.Popen(
        [*command, "--yes", "--force"],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        seen = []
        for line in process.stderr:
            seen.append(line)
            if point in line:
                break
        else:
            pytest.fail(f"the apply never came to {point!r}: {''.join(seen)}")
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(cluster: Project) -> float:
    """Apply again: the cluster is as the spec says. Gives the seconds it took."""
    began = time.monotonic()
    again = cluster.adbray("apply", GROUP, "--yes", "--force")
    assert again.code == 0, again.err
    assert actions(cluster) == {}
    assert cluster.status()["ready"]
    return time.monotonic() - began


@pytest.mark.parametrize(("number", "point"), list(enumerate(POINTS)))
def test_killed_at(cluster: Project, number: int, point: str) -> None:
    before, runs = pids(cluster), cluster.json("history")
    # Its disk's role has something to do from that point on, and only there.
    change(cluster, f"k{number}", 3 if number < POINTS.index("worker_disk") else 4)
    with apply_until(cluster, point) as process:
        process.send_signal(signal.SIGKILL)
    latest = cluster.json("history")[0]
    if number or latest["number"] > runs[0]["number"]:
        assert latest["outcome"] == "interrupted"
    seconds = finish(cluster)
    after = pids(cluster)
    assert {name: after[name] for name in NOT_BATCHED} == {n: before[n] for n in NOT_BATCHED}
    sys.stderr.write(f"killed at {point!r}: finished in {seconds:.1f} s\n")


def test_host_powered_off_inside_a_batch(cluster: Project) -> None:
    change(cluster, "off", 5)
    with apply_until(cluster, "draining large-0") as process:
        cluster.ok("lab", "kill", "lab3")
        process.wait(300)
        assert process.returncode != 0
    named = cluster.adbray("plan", GROUP)
    assert named.code == 1
    assert "lab3" in named.err
    cluster.ok("lab", "start", "lab3")
    sys.stderr.write(f"host off: finished in {finish(cluster):.1f} s\n")


def test_network_cut_for_20_seconds(cluster: Project) -> None:
    change(cluster, "cut", 6)
    with apply_until(cluster, "step 1") as process:
        cluster.ok("lab", "cut", "lab3")
        time.sleep(20)
        cluster.ok("lab", "heal", "lab3")
        process.wait(300)
    sys.stderr.write(f"network cut: finished in {finish(cluster):.1f} s\n")
