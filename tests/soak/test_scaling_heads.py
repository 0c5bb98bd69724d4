"""The head is killed while it scales: afterwards exactly the right workers run."""

from __future__ import annotations

import random
import sys
import time

import pytest

from tests.e2e.conftest import E2E_JOBS, Project
from tests.e2e.elastic import (
    IDLE_S,
    LEAST,
    NAME,
    at_rest,
    counted,
    head_process,
    inits,
    running,
    sampled,
    site,
    until,
)

__all__ = ["site"]

ROUNDS = 7
WITH_CLAIM = LEAST | {"four": 1}


def claim(site: Project, *words: str) -> str:
    command = ("python", "claim.py", *words)
    return site.ok("job", "submit", NAME, "--working-dir", str(E2E_JOBS), "--", *command)


def kill_head(site: Project) -> float:
    """Kill it and wait until Ray and adbray are whole again; gives the seconds that took."""
    before, began = head_process(site), time.monotonic()
    site.on("lab1", f"systemctl kill -s KILL adbray-head@{NAME}")
    until(lambda: head_process(site) not in (before, "0"))
    until(lambda: bool(site.json("status", NAME)["ready"]), 120)
    return time.monotonic() - began


def settles(site: Project, wanted: dict[str, int]) -> None:
    """What runs becomes ``wanted``, and stays so for longer than a worker may be idle."""
    hosts = inits(site)
    until(lambda: counted(running(site, hosts)) == wanted, 120)
    end = time.monotonic() + 2 * IDLE_S
    while time.monotonic() < end:
        assert counted(running(site, hosts)) == wanted
        time.sleep(0.5)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_head_killed_at_a_launch_at_rest_and_at_a_drain(site: Project, number: int) -> None:
    at_rest(site)
    dice, took = random.Random(number), []
    with sampled(site) as samples:
        # Between Ray's wish for a worker and that worker's joining.
        claim(site, "take", "place", '{"num_cpus": 4}')
        time.sleep(dice.uniform(0, 3))
        took.append(kill_head(site))
        claim(site, "wait", "place")
        settles(site, WITH_CLAIM)
        took.append(kill_head(site))
        settles(site, WITH_CLAIM)
        claim(site, "drop", "place")
        # The job's driver needs no worker, so the idle time began when the actor ended.
        time.sleep(max(0.0, IDLE_S + dice.uniform(-3, 1)))
        took.append(kill_head(site))
        settles(site, LEAST)
    assert (samples.most("four"), samples.most("two")) == (1, 0), "no double launch"
    # While the head was away nothing may be started that the claim does not need.
    assert samples.most("one") == LEAST["one"]
    told = ", ".join(f"{seconds:.1f} s" for seconds in took)
    sys.stderr.write(f"head killed, ready again after {told}\n")
