"""A host falls silent in one of several ways: others serve, and it comes back by itself."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import Project
from tests.e2e.elastic import NAME, at_rest, counted, demand, inits, running, site, until

__all__ = ["site"]

# How to break a host's SSH, and how to mend it, from inside; None is the lab's own way.
FAULTS = {
    "network": (None, None),
    "sshd hangs": ("pkill -STOP sshd", "pkill -CONT sshd"),
    "sshd refuses": (
        "systemctl stop ssh.socket ssh.service; pkill -KILL sshd; exit 0",
        "systemctl start ssh.service",
    ),
}


def events(site: Project, kind: str, since: int) -> list[dict[str, Any]]:
    told = site.json("events", NAME, "-n", "1000")
    return [event for event in told if event["kind"] == kind and event["number"] > since]


def last_number(site: Project) -> int:
    return int(site.json("events", NAME, "-n", "1")[0]["number"])


def host_of(site: Project, slot: str) -> str:
    slots = site.json("status", NAME)["slots"]
    return str(next(one["host"] for one in slots if one["slot"] == slot))


def elsewhere(site: Project) -> str:
    """A host with a slot of group two, that has neither the head nor Redis on it."""
    slots = site.json("status", NAME)["slots"]
    taken = {one["host"] for one in slots if one["kind"] != "worker"}
    return str(
        next(
            one["host"]
            for one in slots
            if one["worker_group"] == "two" and one["host"] not in taken
        )
    )


def timed(what: Callable[[], bool], within_s: float) -> float:
    began = time.monotonic()
    until(what, within_s)
    return time.monotonic() - began


@pytest.mark.parametrize("fault", FAULTS)
def test_others_serve_while_a_host_is_silent(site: Project, fault: str) -> None:
    at_rest(site, 300)
    since, host = last_number(site), elsewhere(site)
    slots = {s["slot"]: s["host"] for s in site.json("status", NAME)["slots"]}
    there = sum(1 for slot, at in slots.items() if slot.startswith("two-") and at == host)
    breaking, mending = FAULTS[fault]
    init = inits(site)[host]
    if breaking is None:
        site.ok("lab", "cut", host)
    else:
        site.inside(host, breaking)
    try:
        # As many as the other hosts carry: each is found, whatever Ray tries first.
        ran = demand(site, 4 - there, 20, num_cpus=2, label_selector={"tier": "two"})
        assert {slots[slot] for slot, _ in ran}.isdisjoint({host})
        (silent,) = events(site, "silent", since)
        assert silent["host"] == host
        told = site.json("events", NAME, "-n", "5")
        assert told, "the head's own host still answers"
    finally:
        if mending is None:
            site.ok("lab", "heal", host)
        else:
            site.inside(host, mending)
    back_s = timed(lambda: bool(events(site, "back", since)), 60)
    assert inits(site)[host] == init, "nobody restarted it"
    at_rest(site, 120)
    ran = demand(site, 4, 25, num_cpus=2, label_selector={"tier": "two"})
    assert host in {slots[slot] for slot, _ in ran}
    sys.stderr.write(f"{fault}: {silent['text']}; answered again {back_s:.0f} s after\n")


def test_the_status_says_why_a_demand_waits(site: Project) -> None:
    """All hosts with slots of group four are cut off: the demand waits, and is met after that."""
    at_rest(site, 300)
    slots = {s["slot"]: s["host"] for s in site.json("status", NAME)["slots"]}
    hosts = {slots["four-0"], slots["four-1"]} - {slots["head"]}
    since = last_number(site)
    for host in hosts:
        site.ok("lab", "cut", host)
    waits = []
    try:
        words = ("python", "demand.py", "1", "1", '{"num_cpus": 4}')
        site.ok("job", "submit", NAME, "--no-wait", "--working-dir", "tests/e2e/jobs", "--", *words)
        until(lambda: bool(events(site, "blocked", since)), 60)
        waits = [one["why"] for one in site.json("status", NAME)["scaling"]["waiting"]]
        assert any("four-" in why and "cannot be reached" in why for why in waits), waits
    finally:
        for host in hosts:
            site.ok("lab", "heal", host)
    took = timed(lambda: counted(running(site))["four"] == 1, 120)
    sys.stderr.write(f"blocked: {waits}; a worker started {took:.0f} s after the hosts were back\n")
    at_rest(site, 120)


def test_a_worker_on_a_lost_host_is_replaced_and_its_task_runs_again(site: Project) -> None:
    at_rest(site, 300)
    since = last_number(site)
    words = ("python", "demand.py", "1", "40", '{"num_cpus": 4, "max_retries": 3}')
    site.ok("job", "submit", NAME, "--no-wait", "--working-dir", "tests/e2e/jobs", "--", *words)
    until(lambda: bool(events(site, "join", since)), 60)
    (joined,) = events(site, "join", since)
    host = joined["host"]
    if host == host_of(site, "head"):
        pytest.fail("the slots of group four are all on the head's host")
    site.ok("lab", "cut", host)
    try:
        took = timed(lambda: len(events(site, "join", since)) == 2, 120)
        other = events(site, "join", since)[1]
        assert other["host"] != host
    finally:
        site.ok("lab", "heal", host)
    sys.stderr.write(f"host lost: another worker joined {took:.0f} s after\n")
    at_rest(site, 300)
