"""Sixty targets of one Prometheus, all real, for five minutes: none misses a scrape.

27 hosts. One carries Prometheus, the heads of three groups and four workers; each group has Redis
and Sentinels of its own on three of the others; on the rest the first group may start workers, so
that their nodes are watched. Sixty Rays would need more cores than two: many more than these seven
do not start.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import lab_of
from tests.soak.prometheus import Prometheus, alerts_watched
from tests.soak.rack import await_it

RAY = "lab1"
WORKERS = {"g1": 2, "g2": 1, "g3": 1}
REDISES = 3 * len(WORKERS)
SPARES = 17
HOSTS = 1 + REDISES + SPARES
WATCH_S = 300
# Each by job: of a group's head, its autoscaler and dashboard; of a host with Redis its exporter is
# asked for Redis and for Sentinel.
TARGETS = {
    "prometheus": 1,
    "alertmanager": 1,
    "node": HOSTS,
    "redis": REDISES,
    "sentinel": REDISES,
    "ray": 3 * len(WORKERS) + sum(WORKERS.values()),
}
EVERY_S = dict.fromkeys(TARGETS, 15) | {"ray": 5}
SPEC = """\
kind: RayCluster
name: {name}
head:
  size: micro
  disk_gb: 1
  hosts: {{names: [{ray}]}}
  ports: {{gcs: {gcs}, dashboard: {dashboard}, client: {client}}}
redis: {{mode: sentinel, maxmemory_mb: 64, hosts: {{names: [{redis}]}}}}
worker_groups:
  - name: w
    size: nano
    disk_gb: 1
    min_workers: {workers}
    max_workers: {workers}
    hosts: {{names: [{ray}]}}
"""
SPARE = """\
  - name: spare
    size: nano
    disk_gb: 1
    min_workers: 0
    max_workers: {count}
    hosts: {{names: [{hosts}]}}
"""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """The one of all groups, each of which is applied."""
    with lab_of(tmp_path_factory.mktemp("sixty"), "--hosts", str(HOSTS)) as project:
        fleet = project.directory / "fleet.yml"
        small = "capacity: {cpus: 8, memory_gb: 16, disk_gb: 30, gpus: 0}"
        large = "capacity: {cpus: 24, memory_gb: 32, disk_gb: 30, gpus: 0}"
        text = fleet.read_text().replace(small, large, 1)
        text = text.replace("limits: {", f"limits: {{min_workers: 0, max_workers: {SPARES}, ")
        fleet.write_text(f"{text}monitoring: {{host: {RAY}, listen: host}}\n")
        for number, name in enumerate(WORKERS):
            project.write_group(name, spec_of(number, name))
            project.ok("apply", name)
        yield Prometheus(project.addresses[RAY])


def spec_of(number: int, name: str) -> str:
    """Of the group of that number; the first has the hosts that are left."""
    redis = _hosts(2 + 3 * number, 3)
    ports = {"gcs": 6379, "dashboard": 8265, "client": 10001}
    own = {key: port + number for key, port in ports.items()}
    spec = SPEC.format(name=name, ray=RAY, redis=redis, workers=WORKERS[name], **own)
    if number:
        return spec
    return spec + SPARE.format(count=SPARES, hosts=_hosts(2 + REDISES, SPARES))


def _hosts(first: int, count: int) -> str:
    return ", ".join(f"lab{first + n}" for n in range(count))


def test_no_scrape_of_any_target_is_missed(prometheus: Prometheus) -> None:
    assert sum(TARGETS.values()) == 60

    def all_up() -> bool:
        found = prometheus.targets()
        counted = Counter(one["labels"]["job"] for one in found)
        return counted == TARGETS and {one["health"] for one in found} == {"up"}

    await_it("all targets up, and nothing wrong", lambda: all_up() and not prometheus.alerts(), 120)
    with alerts_watched(prometheus) as watch:
        time.sleep(WATCH_S)
    over = f"[{WATCH_S}s]"
    tell_figures(prometheus, over)
    assert len(prometheus.vector("up")) == 60
    assert prometheus.vector(f"min_over_time(up{over}) < 1") == []
    scrapes = prometheus.vector(f"count_over_time(up{over})")
    assert len(scrapes) == 60
    for labels, count in scrapes:
        assert abs(count - WATCH_S / EVERY_S[labels["job"]]) <= 1, labels
    assert watch.seen == []


def tell_figures(prometheus: Prometheus, over: str) -> None:
    """What it cost; for docs/soak.md."""
    for job in TARGETS:
        chosen = f'{{job="{job}"}}'
        took = f"scrape_duration_seconds{chosen}{over}"
        middle = prometheus.number(f"avg(avg_over_time({took}))")
        worst = prometheus.number(f"max(max_over_time({took}))")
        samples = prometheus.number(f"avg(scrape_samples_post_metric_relabeling{chosen})")
        sys.stderr.write(
            f"{job}: mean {middle:.3f} s, worst {worst:.3f} s, {samples:.0f} samples\n"
        )
    own = '{job="prometheus"}'
    figures = {
        "cores of Prometheus": f"rate(process_cpu_seconds_total{own}{over})",
        "its memory in MiB": f"max_over_time(process_resident_memory_bytes{own}{over}) / 2^20",
        "samples a second": f"sum(rate(prometheus_tsdb_head_samples_appended_total{own}{over}))",
        "series": f"prometheus_tsdb_head_series{own}",
        "samples of a worker": 'avg(scrape_samples_post_metric_relabeling{worker_group!=""})',
        "samples of a head": 'avg(scrape_samples_post_metric_relabeling{slot="head"})',
        "evaluation of rules in s": f"sum(prometheus_rule_group_last_duration_seconds{own})",
    }
    for what, expression in figures.items():
        sys.stderr.write(f"{what}: {prometheus.number(expression):.3f}\n")
    sys.stderr.write(f"load of the machine: {os.getloadavg()}\n")
