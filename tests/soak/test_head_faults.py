"""Rounds of faults of the head: killed, hung, its host dead or cut off; with their times."""

from __future__ import annotations

import os
import time

import pytest

from tests.e2e.conftest import Project
from tests.e2e.elastic import until
from tests.e2e.guarded import (
    HANG_S,
    HEADS,
    NAME,
    Submitted,
    counted,
    drill,
    heads,
    leader,
    longest_s,
    one_gcs_at_most,
)
from tests.soak.figures import figures, note, tell
from tests.soak.rack import site

__all__ = ["site"]

ROUNDS = int(os.environ.get("ADBRAY_ROUNDS", "10"))
BARE = """\
cd /tmp && rm -rf /tmp/bare && exec runuser -u adbray -- env HOME=/tmp RAY_AUTH_MODE=disabled \
  {venv}/bin/ray start --head --port=7379 --num-cpus=0 --temp-dir=/tmp/bare \
  --dashboard-port=8365 --dashboard-agent-listen-port=8366 --disable-usage-stats
"""


def bare_start(site: Project) -> float:
    """Seconds that `ray start --head` takes on a host of the group that runs no head."""
    host = next(host for host, state in heads(site).items() if state == "standby")
    venv = site.on(host, "echo /opt/adbray/ray-*")
    began = time.monotonic()
    site.on(host, BARE.format(venv=venv))
    took = time.monotonic() - began
    site.on(host, "pkill -KILL -u adbray; rm -rf /tmp/bare")
    return took


def test_a_bare_start_for_comparison(site: Project) -> None:
    took = [bare_start(site) for _ in range(5)]
    tell("ray start --head", took)
    note(bare_start_s=[round(one, 2) for one in took])


@pytest.mark.parametrize(
    ("fault", "process"),
    [
        ("head-process", "gcs"),
        ("head-process", "raylet"),
        ("head-process", "all"),
        ("head-hang", "gcs"),
    ],
)
def test_a_process_ends_or_hangs(site: Project, fault: str, process: str) -> None:
    rounds = [drill(site, fault, "--process", process) for _ in range(ROUNDS)]
    tell(f"{fault} {process}", [one["recovered_s"] for one in rounds])
    note(rounds={f"{fault} {process}": figures(rounds)})
    tell(f"{fault} {process}: all nodes back", [one["nodes_back_s"] for one in rounds])
    for one in rounds:
        assert one["actor_kept"], one
        assert one["leader_after"] == one["leader_before"], one
        assert one["recovered_s"] < 60 + HANG_S, one


def test_a_host_dies_and_comes_back(site: Project) -> None:
    """The counter is asked by a job that runs on a worker all the while."""
    addresses = site.json("status", NAME)["addresses"]
    took, last = [], 0
    for _ in range(ROUNDS):
        job = Submitted(site, 30)
        job.start()
        until(job.counts)
        old = leader(site)
        with one_gcs_at_most(site):
            site.ok("lab", "kill", old)
            job.join()
            assert leader(site) not in {"", old}
            site.ok("lab", "start", old)
            until(lambda: sorted(heads(site).values()) == ["running", "standby"])
        took.append(longest_s(job.out))
        first, end = counted(job.out)
        assert first == last + 1, "the counter kept its memory"
        last = end
        assert site.json("status", NAME)["addresses"] == addresses
    tell("host killed, actor answers again", took)
    note(rounds={"head-host": [{"recovered_s": one} for one in took]})


def test_a_head_that_is_cut_off_for_a_minute(site: Project) -> None:
    for _ in range(3):
        old = leader(site)
        with one_gcs_at_most(site) as samples:
            site.ok("lab", "cut", old)
            time.sleep(60)
            site.ok("lab", "heal", old)
            until(lambda: sorted(heads(site).values()) == ["running", "standby"])
        assert leader(site) != old
        assert {host for hosts in samples.seen for host in hosts} == set(HEADS)


def test_redis_is_killed_again_and_again(site: Project) -> None:
    rounds = [drill(site, "redis") for _ in range(ROUNDS)]
    tell("redis killed", [one["recovered_s"] for one in rounds])
    note(rounds={"redis": figures(rounds)})
    assert all(one["actor_kept"] for one in rounds)
