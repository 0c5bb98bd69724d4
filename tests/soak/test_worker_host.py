"""A worker's host is cut off: what runs elsewhere goes on, and as many workers run as before."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Project
from tests.e2e.elastic import until
from tests.e2e.guarded import NAME, applied, drill
from tests.soak.figures import figures, note, tell

ROUNDS, CUT_S, LEAST = int(os.environ.get("ADBRAY_ROUNDS", "3")), 60, 2
SPEC = f"""\
kind: RayCluster
name: {NAME}
head: {{size: micro, disk_gb: 1, hosts: {{names: [lab1]}}}}
redis: {{maxmemory_mb: 64, hosts: {{names: [lab1]}}}}
worker_groups:
  - name: w
    size: nano
    disk_gb: 1
    min_workers: {LEAST}
    max_workers: 3
    hosts: {{names: [lab2, lab3]}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Three hosts with the group, applied; two of them have workers alone."""
    with applied(tmp_path_factory.mktemp("worker-host"), 3, SPEC) as project:
        yield project


def at_rest(site: Project) -> bool:
    """Whether the least number of workers runs, and no other comes or goes."""
    status = site.json("status", NAME)
    states = [slot["state"] for slot in status["slots"] if slot["kind"] == "worker"]
    return bool(status["ready"]) and states.count("running") == LEAST


def test_a_worker_s_host_is_cut_off(site: Project) -> None:
    rounds = []
    for _ in range(ROUNDS):
        # The worker that made up for the lost one is stopped, being idle.
        until(lambda: at_rest(site), 240)
        rounds.append(drill(site, "worker-host", "--cut", str(CUT_S)))
    tell("worker's host cut off: all nodes back", [one["nodes_back_s"] for one in rounds])
    note(cut_s=CUT_S, rounds={"worker-host": figures(rounds)})
    for one in rounds:
        assert one["host"] in ("lab2", "lab3"), one
        assert one["actor_kept"], one
        assert one["failed_calls"] == 0, one
        assert one["leader_after"] == "lab1", one
    until(lambda: bool(site.json("status", NAME)["ready"]))
    assert site.adbray("plan", NAME, "--exit-code").code == 0
