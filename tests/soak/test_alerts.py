"""Each alert fires by its real cause, and is gone once that is mended: the table of docs/alerts.md.

Causes run side by side; `-k` chooses among them. All of them take twenty minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Project
from tests.soak import causes as do
from tests.soak.alarms import Alert, Case, Drills, Watch
from tests.soak.watched import MONITOR, SMALL, SPECS, WIDE, await_well, unit, watched

HEAD, SMALL_HEAD = unit("head", WIDE), unit("head", SMALL)
SENTINEL, REDIS, SMALL_REDIS = unit("sentinel", WIDE), unit("redis", WIDE), unit("redis", SMALL)
DIES, HANGS, BROKEN = (unit("worker", WIDE, slot) for slot in ("dies-0", "hangs-0", "broken-0"))
METRICS = "adbray-metrics.service"
AGENT, AUTOSCALER, GCS = "DashboardAgent", "v2/monitor.py", "/gcs_server"
HOSTS = (MONITOR, "lab2", "lab3")
# Rules look back for ten minutes, or for a quarter of an hour.
TEN_S, QUARTER_S = 600 + 120, 900 + 120

OF_HOSTS = (
    Case(
        "SlotDiskFull",
        "a slot's disk is filled to 88 %",
        (Alert("SlotDiskFull", group=WIDE, slot="hangs-0", host="lab2"),),
        lambda site: do.fill_disk(site, "lab2", "hangs-0"),
        lambda site: do.empty_disk(site, "lab2", "hangs-0"),
    ),
    Case(
        "KernelKilledForMemory",
        "a process takes more memory than its cgroup has",
        (Alert("KernelKilledForMemory", host="lab2"),),
        lambda site: do.eat_more_than_the_kernel_gives(site, "lab2"),
        do.nothing,
        lingers_s=TEN_S,
    ),
    Case(
        "SlotFactsStale",
        "`adbray-metrics` is stopped",
        (Alert("SlotFactsStale", host="lab3"),),
        lambda site: do.systemctl(site, "lab3", "stop", METRICS),
        lambda site: do.systemctl(site, "lab3", "start", METRICS),
    ),
    Case(
        "SlotFactsStale-hangs",
        "`adbray-metrics` hangs",
        (Alert("SlotFactsStale", host="lab3"),),
        lambda site: do.hang(site, "lab3", METRICS),
        lambda site: do.go_on(site, "lab3", METRICS),
        after=("SlotFactsStale",),
    ),
    Case(
        "CertificateExpires",
        "`adbray apply` brings a certificate for three days, and one for 90",
        (Alert("CertificateExpires", host=MONITOR, file="web.crt"),),
        lambda site: do.bring_certificate(site, days=3),
        lambda site: do.bring_certificate(site, days=90),
    ),
    Case(
        "GpuXid",
        "a stand-in's card falls off the bus",
        (Alert("GpuXid", host="lab2", card="0"),),
        lambda site: do.show_card(site, "lab2", do.XID, 0),
        lambda site: do.show_card(site, "lab2", "", 0),
    ),
    Case(
        "GpuMemoryErrors",
        "a stand-in's card has three memory errors",
        (Alert("GpuMemoryErrors", host="lab2", card="0"),),
        lambda site: do.show_card(site, "lab2", "", 3),
        lambda site: do.hide_card(site, "lab2"),
        after=("GpuXid",),
    ),
    Case(
        "HostDown",
        "a host is cut off",
        (Alert("HostDown", host="lab3"),),
        lambda site: do.lab(site, "cut", "lab3"),
        lambda site: do.lab(site, "heal", "lab3"),
        after=("SlotFactsStale-hangs", "SlotSetAside", "SentinelWithoutQuorum"),
    ),
    Case(
        "HostDown-off",
        "a host is powered off",
        (Alert("HostDown", host="lab3"),),
        lambda site: do.lab(site, "kill", "lab3"),
        lambda site: do.lab(site, "start", "lab3"),
        after=("HostDown",),
    ),
)
OF_REDIS = (
    Case(
        "RedisMemoryFull",
        "55 MB of keys in 64",
        (Alert("RedisMemoryFull", group=SMALL),),
        do.fill_redis,
        do.empty_redis,
    ),
    Case(
        "RedisLogFailing",
        "the disk of Redis is full",
        (Alert("RedisLogFailing", group=SMALL),),
        do.fill_redis_disk,
        do.empty_redis_disk,
        after=("RedisMemoryFull", "AutoscalerSilent", "CertificateExpires"),
    ),
    Case(
        "RedisDown",
        "Redis is stopped",
        (Alert("RedisDown", group=SMALL, host=MONITOR),),
        lambda site: do.systemctl(site, MONITOR, "stop", SMALL_REDIS),
        lambda site: do.systemctl(site, MONITOR, "start", SMALL_REDIS),
        after=("HeadDown",),
    ),
    Case(
        "RedisReplicaLag",
        "a firewall between a replica and its primary",
        (Alert("RedisReplicaLag", group=WIDE),),
        lambda site: do.cut_replica(site, "lab3"),
        lambda site: do.mend_replica(site, "lab3"),
        after=("HeadReplaced",),
    ),
    Case(
        "RedisReplicaLag-hangs",
        "a replica hangs",
        (Alert("RedisReplicaLag", group=WIDE), Alert("RedisDown", group=WIDE, host="lab3")),
        lambda site: do.hang_replica(site, "lab3"),
        lambda site: do.go_on(site, "lab3", REDIS),
        after=("RedisReplicaLag",),
    ),
    Case(
        "SentinelWithoutQuorum",
        "two of three Sentinels are stopped",
        (Alert("SentinelWithoutQuorum", group=WIDE),),
        lambda site: do.of_each(site, HOSTS[1:], "stop", SENTINEL),
        lambda site: do.of_each(site, HOSTS[1:], "start", SENTINEL),
        after=("RedisReplicaLag-hangs",),
    ),
    Case(
        "SentinelWithoutQuorum-all",
        "all Sentinels are stopped",
        (Alert("SentinelWithoutQuorum", group=WIDE),),
        lambda site: do.of_each(site, HOSTS, "stop", SENTINEL),
        lambda site: do.of_each(site, HOSTS, "start", SENTINEL),
        after=("HostDown-off",),
    ),
)
OF_RAY = (
    Case(
        "HeadReplaced",
        "GCS is killed",
        (Alert("HeadReplaced", group=WIDE),),
        lambda site: do.send(site, MONITOR, HEAD, GCS, "KILL"),
        lambda site: await_well(site, WIDE),
        lingers_s=TEN_S,
    ),
    Case(
        "HeadDown",
        "`systemctl stop` of the head",
        (Alert("HeadDown", group=SMALL),),
        lambda site: do.systemctl(site, MONITOR, "stop", SMALL_HEAD),
        do.start_head,
        after=("RedisLogFailing",),
    ),
    Case(
        "WorkerFlapping",
        "a worker is killed three times",
        (Alert("WorkerFlapping", group=WIDE, slot="dies-0"),),
        lambda site: do.kill_again_and_again(site, MONITOR, DIES),
        do.nothing,
        after=("HeadReplaced",),
        lingers_s=QUARTER_S,
    ),
    Case(
        "WorkerSilent",
        "a worker's agent hangs",
        (Alert("WorkerSilent", group=WIDE, slot="hangs-0"),),
        lambda site: do.send(site, "lab2", HANGS, AGENT, "STOP"),
        lambda site: do.send(site, "lab2", HANGS, AGENT, "CONT"),
        after=("HeadReplaced",),
    ),
    Case(
        "SlotSetAside",
        "a worker's raylet is missing",
        (Alert("SlotSetAside", group=WIDE, slot="broken-0", on="lab3"),),
        lambda site: do.break_ray(site, "lab3", BROKEN),
        lambda site: do.mend_ray(site, "lab3"),
        after=("HeadReplaced",),
    ),
    Case(
        "DemandBlocked",
        "a task asks for 64 CPUs",
        (Alert("DemandBlocked", group=WIDE),),
        do.ask_for_too_much,
        lambda site: do.stop_job(site, "blocked"),
        after=("HeadReplaced",),
        within_s=480,
    ),
    Case(
        "AutoscalerSilent",
        "the autoscaler hangs",
        (Alert("AutoscalerSilent", group=SMALL),),
        lambda site: do.send(site, MONITOR, SMALL_HEAD, AUTOSCALER, "STOP"),
        lambda site: do.send(site, MONITOR, SMALL_HEAD, AUTOSCALER, "CONT"),
        after=("CertificateExpires",),
    ),
    Case(
        "SpillHigh",
        "a job spills 120 MB a second",
        (Alert("SpillHigh", group=WIDE, slot="spills-0"),),
        lambda site: do.submit(site, "spills", "spill_for_long.py", "spills-0", "120"),
        lambda site: do.stop_job(site, "spills"),
        after=("HeadReplaced",),
        within_s=720,
        lingers_s=480,
    ),
    Case(
        "TasksKilledForMemory",
        "a task takes all memory there is",
        (Alert("TasksKilledForMemory", group=WIDE, slot="eats-0"),),
        lambda site: do.submit(site, "eats", "eat_memory.py", "eats-0"),
        do.nothing,
        after=("HeadReplaced",),
        lingers_s=TEN_S,
    ),
)
CASES = (*OF_HOSTS, *OF_REDIS, *OF_RAY)


def chosen(request: pytest.FixtureRequest) -> list[Case]:
    """The cases of those tests that are to run."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    params = [call.params.get("case") for call in calls if call is not None]
    return [param for param in params if isinstance(param, Case)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with watched(tmp_path_factory.mktemp("watched")) as project:
        yield project


@pytest.fixture(scope="module")
def watch(site: Project) -> Watch:
    """Looks from before the first cause on."""
    found = Watch(site.addresses[MONITOR])
    found.start()
    return found


@pytest.fixture(scope="module")
def drills(request: pytest.FixtureRequest, site: Project, watch: Watch) -> Iterator[Drills]:
    drills = Drills(chosen(request), site, watch)
    yield drills
    drills.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_alert_fires_by_its_cause_and_clears(case: Case, drills: Drills) -> None:
    for row in drills.result(case):
        assert row.fired_s > 0


def test_nothing_is_told_of_groups_that_are_well_again(site: Project, drills: Drills) -> None:
    drills.await_all()
    for group in SPECS:
        await_well(site, group)
    lingering = {alert.name for case in CASES if case.lingers_s for alert in case.alerts}
    ends_at = time.monotonic() + 120
    while left := [one for one in drills.told_now() if one["alertname"] not in lingering]:
        assert time.monotonic() < ends_at, left
        time.sleep(1)
    sys.stderr.write("\ntold beside those that were to be:\n")
    for line in drills.told_beside():
        sys.stderr.write(f"{line}\n")
