"""The head dies, hangs, vanishes and comes back; Redis is killed: the cluster goes on."""

from __future__ import annotations

import json

from adbray_ctl.core.slot.names import user_name
from adbray_ctl.provider.lost_jobs import NEVER_BEGAN
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
    one_gcs_at_most,
    site,
    submit,
    virtual_ip,
)

__all__ = ["site"]


def test_one_leads_and_one_waits_behind_one_address(site: Project) -> None:
    status = site.json("status", NAME)
    assert heads(site) == {"lab1": "running", "lab2": "standby"}
    assert status["protection"]["level"] == "host"
    assert status["addresses"]["gcs"] == f"{virtual_ip(site)}:6379"
    assert site.adbray("plan", NAME, "--exit-code").code == 0
    for host in HEADS:
        held = virtual_ip(site) in site.on(host, "ip -4 -brief address")
        assert held == (host == "lab1")


def test_an_address_that_nobody_would_find_is_refused(site: Project) -> None:
    group = site.directory / "groups" / f"{NAME}.yml"
    text = group.read_text()
    group.write_text(text.replace(virtual_ip(site), "10.99.0.1"))
    refused = site.adbray("plan", NAME)
    group.write_text(text)
    assert refused.code == 2
    assert f"groups/{NAME}.yml: head.virtual_ip 10.99.0.1 is not in the network" in refused.err


def test_a_gcs_that_hangs_is_found(site: Project) -> None:
    found = drill(site, "head-hang")
    assert (found["leader_after"], found["actor_kept"]) == ("lab1", True)
    assert HANG_S < found["recovered_s"] < 60


def test_a_dead_host_s_head_goes_on_elsewhere(site: Project) -> None:
    address = site.json("status", NAME)["addresses"]
    job = Submitted(site, 25)
    job.start()
    until(job.counts)
    with one_gcs_at_most(site):
        site.ok("lab", "kill", "lab1")
        until(lambda: leader(site) == "lab2")
        job.join()
    first, last = counted(job.out)
    again = counted(submit(site, 1))
    assert again[0] == last + 1 > first + 1
    status = site.json("status", NAME)
    assert status["addresses"] == address
    assert status["protection"]["level"] == "process"


def test_a_host_that_comes_back_waits(site: Project) -> None:
    with one_gcs_at_most(site):
        site.ok("lab", "start", "lab1")
        until(lambda: heads(site) == {"lab1": "standby", "lab2": "running"})
    assert site.json("status", NAME)["protection"]["level"] == "host"
    assert site.adbray("plan", NAME, "--exit-code").code == 0


def test_a_head_that_is_cut_off_gives_way(site: Project) -> None:
    with one_gcs_at_most(site):
        found = drill(site, "head-host", "--cut", "20")
    assert (found["leader_before"], found["leader_after"]) == ("lab2", "lab1")
    assert found["actor_kept"]
    assert heads(site) == {"lab1": "running", "lab2": "standby"}


def test_redis_is_killed(site: Project) -> None:
    found = drill(site, "redis")
    assert found["actor_kept"]
    assert site.json("status", NAME)["ready"]


def test_a_job_that_had_not_begun_ends_with_the_head(site: Project) -> None:
    waits = ("--no-wait", "--entrypoint-num-cpus", "64", "--json")
    job = json.loads(site.ok("job", "submit", NAME, *waits, "--", "true"))["id"]
    site.inside(leader(site), f"pkill -KILL -u {user_name(NAME)}")
    until(lambda: site.json("status", NAME)["ready"])
    until(lambda: site.json("job", "status", NAME, job)["status"] != "PENDING")
    ended = site.json("job", "status", NAME, job)
    assert (ended["status"], ended["message"]) == ("FAILED", NEVER_BEGAN)


def test_nothing_is_left(site: Project) -> None:
    site.ok("destroy", NAME, "--yes", "--force")
    for host in site.addresses:
        left = site.on(host, "ls /etc/adbray /run | grep adbray-head; ip -4 -brief address; exit 0")
        assert "adbray-head" not in left
        assert virtual_ip(site) not in left
