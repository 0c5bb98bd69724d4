"""Five hosts: a head, its standby, and three with a Redis each, two of which have the workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import Project
from tests.e2e.guarded import HANG_S, NAME, applied, heads

HOSTS = ("lab1", "lab2", "lab3", "lab4", "lab5")
REDIS_HOSTS, WORKER_HOSTS = HOSTS[2:], HOSTS[3:]
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
redis: {{mode: sentinel, maxmemory_mb: 64, hosts: {{names: [lab3, lab4, lab5]}}}}
worker_groups:
  - name: w
    size: nano
    disk_gb: 1
    min_workers: 2
    max_workers: 2
    hosts: {{names: [lab4, lab5]}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The five hosts with the group, applied."""
    with applied(tmp_path_factory.mktemp("rack"), len(HOSTS), SPEC) as project:
        yield project


def primary(site: Project) -> str:
    """The host of the Redis that the head writes to."""
    slots = site.json("status", NAME)["slots"]
    return next(str(slot["host"]) for slot in slots if slot["detail"] == "primary")


def healthy(site: Project) -> bool:
    """Whether all is as it was applied: one head, one standby, all else running."""
    told = site.adbray("status", NAME, "--json")
    if told.code != 0:
        return False
    status = site.json("status", NAME)
    states = [slot["state"] for slot in status["slots"] if slot["kind"] != "head"]
    return (
        status["ready"]
        and not status["problems"]
        and set(states) == {"running"}
        and sorted(heads(site).values()) == ["running", "standby"]
    )


def await_it(what: str, holds: Callable[[], bool], within_s: float = 240) -> float:
    """Seconds until it held."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within_s, f"{what}: not within {within_s:g} s"
        time.sleep(0.5)
    return time.monotonic() - began
