"""Redis under Sentinel is killed, loses its host, its disk, its network: the cluster goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.conftest import Project, run
from tests.e2e.elastic import inits
from tests.e2e.guarded import NAME, Submitted, counted, leader, longest_s, one_gcs_at_most, submit
from tests.soak.rack import REDIS_HOSTS, await_it, healthy, primary, site

__all__ = ["site"]

UNIT = f"adbray-redis@{NAME}.service"
DATA = f"/var/lib/adbray/{NAME}/redis"


@contextmanager
def counting(site: Project, what: str) -> Iterator[None]:
    """A job counts while the block runs; afterwards all is well, and no number was lost."""
    last = counted(submit(site, 1))[1]
    job = Submitted(site, 45)
    job.start()
    try:
        await_it("the job counts", job.counts)
        with one_gcs_at_most(site):
            yield
            back_s = await_it("all is well", lambda: healthy(site))
    finally:
        job.join()
    first, end = counted(job.out)
    assert first == last + 1
    assert counted(submit(site, 1))[0] == end + 1
    sys.stderr.write(
        f"{what}: a caller waited {longest_s(job.out):.1f} s at most; all as before"
        f" {back_s:.1f} s after the last act; primary {primary(site)}\n"
    )


def test_the_primary_is_killed(site: Project) -> None:
    with counting(site, "primary killed"):
        site.on(primary(site), f"systemctl kill --signal=KILL {UNIT}")
        time.sleep(2)


def test_the_primary_is_restarted(site: Project) -> None:
    with counting(site, "primary restarted"):
        site.on(primary(site), f"systemctl restart {UNIT}")
        time.sleep(2)


def test_the_primarys_host_dies(site: Project) -> None:
    old = primary(site)
    with counting(site, "primary's host dead, started again"):
        site.ok("lab", "kill", old)
        await_it("a replica is promoted", lambda: primary_elsewhere(site, old))
        await_it("a head runs", lambda: leader(site) != "")
        site.ok("lab", "start", old)
    assert primary(site) != old


def primary_elsewhere(site: Project, old: str) -> bool:
    told = site.json("status", NAME)["slots"]
    return any(slot["detail"] == "primary" and slot["host"] != old for slot in told)


def test_the_primarys_disk_is_full(site: Project) -> None:
    host = primary(site)
    site.on(host, f"systemctl stop {UNIT}")
    script = (
        f"mv {DATA} {DATA}.kept && mkdir {DATA} && mount -t tmpfs -o size=16m tmpfs {DATA}"
        f" && chown redis: {DATA} && chmod 700 {DATA} && cp -a {DATA}.kept/. {DATA}"
        f" && systemctl start {UNIT}"
    )
    site.inside(host, script)
    try:
        await_it("all is well", lambda: healthy(site))
        fills = primary(site)
        with counting(site, f"disk of {host} full for 20 s (primary before: {fills})"):
            site.inside(host, f"head -c 20m /dev/zero > {DATA}/filler; exit 0")
            time.sleep(20)
            site.inside(host, f"rm {DATA}/filler")
    finally:
        site.inside(
            host,
            f"systemctl stop {UNIT}; umount {DATA}; rm -rf {DATA}; mv {DATA}.kept {DATA};"
            f" systemctl start {UNIT}",
        )
    await_it("all is well", lambda: healthy(site))


@contextmanager
def no_way_to_redis(site: Project, host: str) -> Iterator[None]:
    """A firewall on ``host`` that drops what goes to Redis and Sentinels and comes from there."""
    slots = site.json("status", NAME)["slots"]
    ports = {
        str(port) for slot in slots if slot["kind"] == "redis" for port in slot["ports"].values()
    }
    listed = ", ".join(sorted(ports))
    net = ["nsenter", f"--target={inits(site)[host]}", "--net", "nft"]
    for rule in (
        "add table inet dropped",
        "add chain inet dropped out { type filter hook output priority 0 ; }",
        "add chain inet dropped in { type filter hook input priority 0 ; }",
        f"add rule inet dropped out tcp dport {{ {listed} }} drop",
        f"add rule inet dropped in tcp sport {{ {listed} }} drop",
    ):
        done = run([*net, rule], timeout_s=10)
        assert done.code == 0, done.err
    try:
        yield
    finally:
        assert run([*net, "delete table inet dropped"], timeout_s=10).code == 0


def test_the_way_to_redis_is_dropped_for_30_s(site: Project) -> None:
    what = "the head's way to Redis dropped for 30 s"
    with counting(site, what), no_way_to_redis(site, leader(site)):
        time.sleep(30)


def test_every_redis_is_killed_at_once(site: Project) -> None:
    with counting(site, "all three killed at once"):
        for host in REDIS_HOSTS:
            site.on(host, f"systemctl kill --signal=KILL {UNIT}")


def test_the_primary_moves_to_a_host_without_data(site: Project) -> None:
    old = primary(site)
    last = counted(submit(site, 1))[1]
    group = site.directory / "groups" / f"{NAME}.yml"
    stay = [host for host in REDIS_HOSTS if host != old]
    before = f"hosts: {{names: [{', '.join(REDIS_HOSTS)}]}}}}"
    text = group.read_text()
    assert before in text
    group.write_text(text.replace(before, f"hosts: {{names: [lab2, {', '.join(stay)}]}}}}"))
    site.ok("apply", NAME, "--yes", "--force")
    took_s = await_it("all is well", lambda: healthy(site) and primary(site) != old)
    assert counted(submit(site, 1))[0] == last + 1
    assert site.adbray("plan", NAME, "--exit-code").code == 0
    sys.stderr.write(f"primary moved away from {old}: all well {took_s:.1f} s after the apply\n")
