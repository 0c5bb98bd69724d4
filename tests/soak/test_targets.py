"""Prometheus follows workers that come and go, and raises no alert about one that was stopped."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.conftest import E2E_JOBS, Project, lab_of
from tests.e2e.elastic import inits, until
from tests.soak.figures import tell
from tests.soak.journal import Ran, starts
from tests.soak.nodes import living, slot_of
from tests.soak.prometheus import Alert, Prometheus, alerts_watched

NAME, IDLE_S, HOLD_S = "followed", 5, 20
HEAD, WORKERS = "lab1", "lab2"
ROUNDS = 5
# What is asked for: a worker is scraped within that, from its joining.
SCRAPED_S = 15.0
# Longer than the `for` of WorkerSilent and HostDown, and an evaluation.
QUIET_S = 150.0
EVALUATION_S = 15.0
# Prometheus ends the series of a target that is gone just over two scrape intervals later
# (endOfRunStaleness in its scrape/scrape.go).
STALE_S = 2.1 * 5
SPEC = f"""\
kind: RayCluster
name: {NAME}
head: {{size: micro, disk_gb: 1, hosts: {{names: [{HEAD}]}}}}
redis: {{mode: none}}
worker_groups:
  - name: w
    size: nano
    disk_gb: 1
    min_workers: 0
    max_workers: 2
    hosts: {{names: [{WORKERS}]}}
drain_timeout_s: 5
idle_timeout_s: {IDLE_S}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A head with Prometheus beside it, and a host whose workers come and go."""
    with lab_of(tmp_path_factory.mktemp("targets"), "--hosts", "2") as project:
        fleet = project.directory / "fleet.yml"
        text = fleet.read_text().replace("limits: {", "limits: {min_workers: 0, ")
        fleet.write_text(f"{text}monitoring: {{host: {HEAD}, listen: host}}\n")
        project.write_group(NAME, SPEC)
        project.ok("apply", NAME)
        yield project


@dataclass(frozen=True)
class Round:
    """One worker's life, in seconds since the epoch: by systemd, Ray and Prometheus."""

    slot: str
    started: float
    joined: float
    scraped: float
    ended: float
    gone: float

    def explains(self, alert: Alert) -> bool:
        """Whether it may be pending: of this worker, while it ends and is still a target."""
        until = self.gone + STALE_S + EVALUATION_S + 2
        ends = self.ended - EVALUATION_S < alert.at < until
        return ends and alert.state == "pending" and alert.labels.get("slot") == self.slot


def awaited(what: str, holds: Callable[[], Any], within_s: float) -> float:
    """When it held, in seconds since the epoch; asked ten times a second."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s"
        time.sleep(0.1)
    return time.time()


def come_and_go(site: Project, prometheus: Prometheus, init: int) -> Round:
    """Demand starts a worker, which is stopped when it has been idle."""
    began = time.time()
    words = ("python", "demand.py", "1", str(HOLD_S), '{"num_cpus": 1}')
    site.ok("job", "submit", NAME, "--no-wait", "--working-dir", str(E2E_JOBS), "--", *words)
    up = 'up{job="ray",worker_group="w"}'
    # Not the last one of the worker before.
    new = f"{up} == 1 and timestamp({up}) > {began}"
    scraped = awaited("a sample of the worker", lambda: prometheus.vector(new), 150)
    (node,) = living(site, NAME, HEAD)
    slot = slot_of(node)
    samples = prometheus.samples(f'up{{job="ray",slot="{slot}"}}[2m]')
    assert all(value == 1 for at, value in samples if at > began), samples
    awaited("the worker's end", lambda: not living(site, NAME, HEAD), HOLD_S + IDLE_S + 40)
    gone = awaited("the target's end", lambda: not prometheus.targets(slot=slot), 60)
    # Ray may know that it goes before systemd has seen its last process.
    awaited("the unit's end", lambda: last(init, slot).end, 30)
    ran = last(init, slot)
    assert ran.end is not None
    return Round(slot, ran.start, node["start_time_ms"] / 1000, scraped, ran.end, gone)


def last(init: int, slot: str) -> Ran:
    """The worker's last start."""
    return starts(WORKERS, init, f"adbray-worker@{NAME}.{slot}.")[-1]


def test_a_worker_is_scraped_in_time_and_forgotten_without_an_alert(site: Project) -> None:
    prometheus = Prometheus(site.addresses[HEAD])
    until(lambda: {t["health"] for t in prometheus.targets()} == {"up"})
    assert not prometheus.targets(worker_group="w"), "a prepared worker is no target"
    until(lambda: not prometheus.alerts())
    init = inits(site)[WORKERS]
    with alerts_watched(prometheus) as watch:
        rounds = [come_and_go(site, prometheus, init) for _ in range(ROUNDS)]
        time.sleep(QUIET_S)
    tell("unit started to first sample", [one.scraped - one.started for one in rounds])
    tell("joined to first sample", [one.scraped - one.joined for one in rounds])
    tell("unit ended to no target", [one.gone - one.ended for one in rounds])
    seen = Counter((one.name, one.state) for one in watch.seen)
    sys.stderr.write(f"of {watch.polls} looks at alerts, with one: {dict(seen)}\n")
    for one in rounds:
        assert one.started < one.joined < one.scraped <= one.joined + SCRAPED_S, one
    unexplained = [a for a in watch.seen if not any(one.explains(a) for one in rounds)]
    assert unexplained == [], rounds
