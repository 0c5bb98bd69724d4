"""A head that keeps its state on its own disk, without Redis: killed, and its host off and on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import E2E_JOBS, Project
from tests.e2e.elastic import until
from tests.e2e.guarded import NAME, applied

SPEC = f"""\
kind: RayCluster
name: {NAME}
gcs_storage: rocksdb
head: {{size: micro, disk_gb: 1, hosts: {{names: [lab1]}}}}
worker_groups:
  - {{name: w, size: nano, disk_gb: 1, min_workers: 1, max_workers: 1, hosts: {{names: [lab2]}}}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two hosts with the group, applied."""
    with applied(tmp_path_factory.mktemp("rocksdb"), 2, SPEC) as project:
        yield project


def job(site: Project, *words: str) -> str:
    return site.ok("job", "submit", NAME, "--working-dir", str(E2E_JOBS), "--", "python", *words)


def ready(site: Project) -> bool:
    told = site.adbray("status", NAME, "--json")
    return told.code == 0 and bool(site.json("status", NAME)["ready"])


def gcs(site: Project) -> str:
    return site.inside("lab1", "pgrep -x gcs_server; exit 0")


def test_no_redis_and_one_process_s_protection(site: Project) -> None:
    status = site.json("status", NAME)
    assert {slot["kind"] for slot in status["slots"]} == {"head", "worker"}
    assert status["protection"]["level"] == "process"
    assert site.adbray("plan", NAME, "--exit-code").code == 0
    assert "CURRENT" in site.on("lab1", f"ls -R /var/lib/adbray/{NAME}/head/gcs")


def test_a_killed_head_finds_its_state_again(site: Project) -> None:
    assert "counter 1" in job(site, "counter.py", "create")
    before = gcs(site)
    began = time.monotonic()
    site.inside("lab1", "pkill -KILL -x gcs_server")
    until(lambda: gcs(site) not in ("", before) and ready(site))
    sys.stderr.write(f"rocksdb: ready {time.monotonic() - began:.1f} s after a kill\n")
    assert "counter 2" in job(site, "counter.py", "count")


def test_its_host_off_and_on_too(site: Project) -> None:
    job(site, "keeper.py", "make")
    before = {one["id"] for one in site.json("job", "list", NAME)}
    site.ok("lab", "kill", "lab1")
    site.ok("lab", "start", "lab1")
    until(lambda: ready(site))
    assert "ray 2." in job(site, "keeper.py", "ask")
    assert before <= {one["id"] for one in site.json("job", "list", NAME)}
