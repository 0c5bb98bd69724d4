"""Every query of every dashboard has series on a cluster under load, or a reason to have none."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.dashboards import ROLE
from tests.e2e.conftest import E2E_JOBS, Project, lab_of
from tests.e2e.elastic import until
from tests.soak.nodes import living, slot_of
from tests.soak.panels import Board, Past, Query
from tests.soak.prometheus import Prometheus

NAME = "shown"
HEAD, MONITOR = "lab1", "lab2"
# The host of the workers that have trouble.
APART = "lab3"
DASHBOARDS = "/etc/adbray-monitoring/grafana/dashboards"
LOAD_S = 60
# Of a worker whose raylet ends each task for want of memory.
SHORT_OF_MEMORY = "RAY_memory_usage_threshold=0.001"
SPEC = f"""\
kind: RayCluster
name: {NAME}
ray: {{packages: [numpy, pandas, pyarrow, fsspec, tensorboardX, requests, uvicorn, starlette,
  fastapi, watchfiles, grpcio-reflection, jinja2, mmh3]}}
head: {{size: micro, disk_gb: 1, hosts: {{names: [{HEAD}]}}}}
redis: {{mode: sentinel, maxmemory_mb: 64}}
idle_timeout_s: 10
worker_groups:
  - {{name: main, size: quad, disk_gb: 2, object_store_gb: 0.1, hosts: {{names: [{HEAD}]}}}}
  - {{name: apart, size: quad, disk_gb: 1, object_store_gb: 0.1, hosts: {{names: [{APART}]}}}}
  - name: burst
    size: nano
    disk_gb: 1
    min_workers: 0
    max_workers: 1
    labels: {{tier: burst}}
    hosts: {{names: [{APART}]}}
"""
# Of Ray Data some numbers are told only so. Its older autoscaler asks for no worker here.
DATA_SETTINGS = {
    "RAY_DATA_PER_NODE_METRICS": "1",
    "RAY_DATA_CLUSTER_AUTOSCALER": "V2",
    "RAY_DATA_CLUSTER_SCALING_UP_UTIL_THRESHOLD": "2",
}
# Which queries have no series here, and why.
EXCEPTIONS = {
    "no GPU": r"adbray_gpu_|ray_node_gpus?_|ray_node_gram_|ray_component_gpu_|=\"GPU\"",
    "no TPU": r"ray_tpu_",
    "vLLM is not run": r"ray_vllm_",
    "SGLang is not run": r"ray_sglang_",
    "a Redis, of which Ray tells no times": r"ray_gcs_storage_operation_",
    "a label that KubeRay alone sets": r"ray_io_cluster\)$",
}
# Where the lab's containers have no memory controller: Ray knows no share of memory there.
UNLIMITED = {"no memory controller": r"^(sum|max by).*ray_node_cgroup_mem_"}


@dataclass(frozen=True)
class Shown:
    """The dashboards of a loaded cluster, opened, and how many series each query has.

    ``ticked`` are the lines with all values of variables chosen one by one, ``exceptions``
    expressions of queries without series, by reason.
    """

    boards: list[Board]
    lines: dict[Query, int]
    ticked: dict[Query, int]
    exceptions: dict[str, str]

    def reason_of(self, query: Query) -> str | None:
        found = (why for why, what in self.exceptions.items() if re.search(what, query.text))
        return next(found, None)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Three hosts with a group, and what takes Grafana's place."""
    with lab_of(tmp_path_factory.mktemp("panels"), "--hosts", "3") as project:
        make_grafana(project.directory)
        fleet = project.directory / "fleet.yml"
        text = fleet.read_text().replace("sizes:\n", "sizes:\n  quad: {cpus: 4, memory_gb: 2}\n")
        text = text.replace("limits: {", "limits: {min_workers: 0, ")
        shown = "  listen: host\n  grafana: {deb: scratch/grafana.deb}\n"
        fleet.write_text(f"{text}monitoring:\n  host: {MONITOR}\n{shown}")
        project.write_group(NAME, SPEC)
        project.ok("apply", NAME)
        yield project


def make_grafana(directory: Path) -> None:
    """The stand-in of the role's own tests, which shows nothing; dashboards go where it looks."""
    scratch = directory / "scratch"
    scratch.mkdir()
    script = ROLE / "molecule" / "default" / "package.sh"
    subprocess.run([script, scratch], check=True, capture_output=True)


@pytest.fixture(scope="module")
def shown(site: Project) -> Shown:
    """After trouble and a load: all dashboards that Grafana is given, opened."""
    began = time.time()
    trouble(site, began)
    load(site)
    prometheus = prometheus_of(site, began)
    boards = [Board(name, content, prometheus) for name, content in given(site)]
    asked = [query for board in boards for query in board.queries()]
    empty = [query for board in boards for query in board.empty]
    lines = {query: prometheus.lines(query.text) for query in asked}
    ticked = {query: prometheus.lines(query.ticked) for query in asked}
    controllers = site.on(HEAD, "cat /sys/fs/cgroup/cgroup.controllers").split()
    exceptions = EXCEPTIONS if "memory" in controllers else EXCEPTIONS | UNLIMITED
    return Shown(boards, lines | dict.fromkeys(empty, 0), ticked, exceptions)


def given(site: Project) -> Iterator[tuple[str, dict[str, object]]]:
    """The files that the role wrote for Grafana, Ray's own among them."""
    for path in site.on(MONITOR, f"find {DASHBOARDS} -name '*.json' | sort").splitlines():
        name = path.removeprefix(f"{DASHBOARDS}/").removesuffix(".json")
        yield name.replace(f"/{NAME}/", "/"), json.loads(site.on(MONITOR, f"cat {path}"))


def trouble(site: Project, began: float) -> None:
    """A slot that cannot start is wanted, and a worker away for a while comes back short of memory.

    Afterwards it has its memory again: there the load runs as well.
    """
    # Not with 1, which the unit takes for a success, as Ray ends with it on SIGTERM.
    with changed(site, "burst-0", "ExecStartPre=/bin/sh -c 'exit 3'"):
        wanted(site, {"tier": "burst"})
        until(
            lambda: _matches(site, began, "adbray_slot_set_aside > 0 and on () ALERTS{group!=''}")
        )
    with changed(site, "apart-0", f"Environment={SHORT_OF_MEMORY}\nRestartSec=15"):
        killed(site, "apart-0")
        until(lambda: _matches(site, began, 'up{slot="apart-0"} == 0'))
        until(lambda: state(site, "apart-0") == "running")
        wanted(site, {"adbray.io/slot": "apart-0"})
        until(lambda: _matches(site, began, "ray_memory_manager_worker_eviction_total"))
    at = time.time()
    killed(site, "apart-0")
    # Ray lists a killed node for some seconds, while the next one has joined already.
    until(lambda: [one > at for one in joined(site, "apart-0")] == [True])


@contextmanager
def changed(site: Project, slot: str, *lines: str) -> Iterator[None]:
    """A slot's unit with other settings, from its next start on."""
    directory = f"/run/systemd/system/{unit_of(slot)}.d"
    text = "\n".join(("[Service]", *lines))
    site.on(APART, f"mkdir -p {directory} && cat > {directory}/test.conf <<'EOF'\n{text}\nEOF")
    site.on(APART, "systemctl daemon-reload")
    try:
        yield
    finally:
        site.on(APART, f"rm -r {directory} && systemctl daemon-reload")


def unit_of(slot: str) -> str:
    return f"adbray-worker@{NAME}.{slot}.service"


def joined(site: Project, slot: str) -> list[float]:
    """When the nodes of that slot that Ray lists as alive joined, in seconds since the epoch."""
    nodes = living(site, NAME, HEAD)
    return [node["start_time_ms"] / 1000 for node in nodes if slot_of(node) == slot]


def killed(site: Project, slot: str) -> None:
    site.on(APART, f"systemctl kill -s SIGKILL {unit_of(slot)}")


def wanted(site: Project, labels: dict[str, str]) -> None:
    """A job asks for a CPU there, and is left to itself."""
    options = json.dumps({"num_cpus": 1, "label_selector": labels})
    words = ("--working-dir", str(E2E_JOBS), "--", "python", "demand.py", "1", "1", options)
    site.ok("job", "submit", NAME, "--no-wait", *words)


def _matches(site: Project, began: float, query: str) -> bool:
    return prometheus_of(site, began).lines(query) > 0


def prometheus_of(site: Project, began: float) -> Past:
    return Past(Prometheus(site.addresses[MONITOR], within_s=60), began)


def state(site: Project, slot: str) -> str:
    slots = site.json("status", NAME)["slots"]
    return str(next(one["state"] for one in slots if one["slot"] == slot))


def load(site: Project) -> None:
    words = ["--entrypoint-num-cpus", "0.1", "--working-dir", str(E2E_JOBS)]
    words += [word for pair in DATA_SETTINGS.items() for word in ("--env", "=".join(pair))]
    printed = site.ok("job", "submit", NAME, *words, "--", "python", "busy.py", str(LOAD_S))
    sys.stderr.write("\n" + "".join(re.findall(r"^.* rounds\n", printed, re.MULTILINE)))
    assert printed.count(" rounds") == 6


def test_every_query_has_series_or_a_reason_to_have_none(shown: Shown) -> None:
    silent = [query for query, count in shown.lines.items() if not count]
    unexplained = [str(query) for query in silent if shown.reason_of(query) is None]
    assert not unexplained, "\n".join(unexplained)


def test_variables_offer_what_series_have(shown: Shown) -> None:
    lost = [query for query, count in shown.ticked.items() if not count and shown.lines[query]]
    assert not lost, "\n".join(f"{query.board} | {query.shown} | {query.ticked}" for query in lost)


def test_what_is_excepted_has_no_series(shown: Shown) -> None:
    """So that the list of exceptions says nothing that is not so."""
    heard = [str(query) for query, count in shown.lines.items() if count and shown.reason_of(query)]
    assert not heard, "\n".join(heard)
    assert {shown.reason_of(query) for query in shown.lines} == {None, *shown.exceptions}


def test_dashboards_and_what_they_ask_are_counted(shown: Shown) -> None:
    """The figures of docs/soak.md."""
    sys.stderr.write("\ndashboard | panels | queries | with series | excepted\n")
    for board in shown.boards:
        asked = list(board.queries())
        heard = sum(shown.lines[query] > 0 for query in asked)
        said = f"{len(board.panels)} | {len(asked)} | {heard} | {len(asked) - heard}"
        sys.stderr.write(f"{board.name} | {said}\n")
    for reason in shown.exceptions:
        count = sum(shown.reason_of(query) == reason for query in shown.lines)
        sys.stderr.write(f"{reason}: {count}\n")
    assert len(shown.boards) == 5 + 8
