"""A size in words of its unit: nothing is given away twice, nor ends what keeps to its share."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.slot.shares import WORKER_OWN_MB, head_share, held_back_mb, worker_share
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.spec.sizes import BUILTIN
from adbray_ctl.services.observe import capacities
from tests.unit.core.plans import FLEET, plan, spec, workers

BUILTIN_SIZES = sorted((size.cpus, int(size.memory_gb * 1024)) for size in BUILTIN.values())


def test_small_in_figures() -> None:
    share = worker_share(1, 4096)
    assert share.model_dump() == {
        "cpu_weight": 10,
        "tasks_max": 3072,
        "object_store_mb": 1228,
        "shm_mb": 2048,
        "ray_memory_mb": 4096 - 1228 - 300 - 204,
        "memory_threshold": 0.950195,
    }
    assert worker_share(1, 4096, 3000).shm_mb == 3064


@pytest.mark.parametrize(("cpus", "memory_mb"), BUILTIN_SIZES)
def test_tasks_that_keep_to_it_are_not_ended(cpus: int, memory_mb: int) -> None:
    share = worker_share(cpus, memory_mb)
    full = share.ray_memory_mb + share.object_store_mb + WORKER_OWN_MB
    assert full <= math.ceil(share.memory_threshold * memory_mb) < memory_mb
    assert head_share(cpus, memory_mb).ray_memory_mb < share.ray_memory_mb


@settings(deadline=None)
@given(st.integers(1, 1024), st.integers(512, 65536 * 1024), st.floats(0, 1))
def test_every_size_is_sound(cpus: int, memory_mb: int, part: float) -> None:
    room = memory_mb - held_back_mb(memory_mb)
    share = worker_share(cpus, memory_mb, int(max(room - 1, 0) * part))
    assert share.ray_memory_mb > 0
    assert 0.8 < share.memory_threshold < 1
    assert share.object_store_mb < share.shm_mb
    assert 1 <= share.cpu_weight <= 10_000
    # Ray's own threads and those of 80 processes fit; ten thousand forks of a small one do not.
    assert share.tasks_max > 97 + 80 * 23
    assert cpus > 7 or share.tasks_max < 10_000


def capacity(cpus: int, memory_mb: int, **changes: object) -> Capacity | str:
    host = {"name": "a", "address": "10.0.0.1", **changes}
    fleet = {"kind": "Fleet", "hosts": [host], "system_reserved": {"cpus": 1, "memory_gb": 2}}
    known = {"disk_gb": 100, "gpus": 0}
    seen = HostFacts.model_validate(known | {"cpus": cpus, "memory_mb": memory_mb})
    observed = Observed(hosts=(HostObservation(host="a", facts=seen),))
    return capacities(Fleet.model_validate(fleet), observed)["a"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (7, 14)),
        ({"system_reserved": {"memory_gb": 4.5}}, (7, 11.5)),
        ({"system_reserved": {"cpus": 0}}, (8, 14)),
        ({"capacity": {"cpus": 8}}, (8, 14)),
        ({"capacity": {"memory_gb": 15.0}}, (7, 15)),
        ({"system_reserved": {"cpus": 9, "memory_gb": 20}}, (0, 0)),
    ],
    ids=str,
)
def test_detected_capacity_is_less_by_the_reserve(
    changes: dict[str, object], expected: tuple[int, float]
) -> None:
    found = capacity(8, 16384, **changes)
    assert isinstance(found, Capacity)
    assert (found.cpus, found.memory_mb) == (expected[0], expected[1] * 1024)


def test_a_new_reserve_is_told_to_every_host_and_restarts_nothing() -> None:
    found = plan(spec(), system_reserved={"memory_gb": 3})
    assert {change.action for change in found.changes} == {Impact.UPDATE}
    (step,) = found.steps
    assert step.roles == (
        *("host_base", "worker_disk", "redis", "redis_exporter"),
        *("ray_head", "ray_worker"),
    )
    assert step.drain == ()
    assert "system_reserved.memory_gb: 1" in found.changes[0].reason


def test_one_hosts_reserve_is_told_to_that_host() -> None:
    hosts = [dict(host) for host in FLEET["hosts"]]
    hosts[0]["system_reserved"] = {"memory_gb": 3}
    found = plan(spec(), hosts=hosts)
    touched = {change.host for change in found.changes if change.action is not Impact.KEEP}
    assert touched == {hosts[0]["name"]}


def test_cores_are_kept_by_placement_alone() -> None:
    assert plan(spec(), system_reserved={"cpus": 1}).is_empty


def test_a_reserve_reaches_the_host_before_workers_roll() -> None:
    found = plan(spec(**workers("w", size="small")), system_reserved={"memory_gb": 3})
    assert found.steps[0].roles[0] == "host_base"
    shown = {change.host for change in found.changes}
    assert shown == set(found.steps[0].hosts)


def test_how_long_logs_are_kept_is_told_to_every_host_and_restarts_nothing() -> None:
    found = plan(spec(), kept_logs={"days": 3})
    assert {change.action for change in found.changes} == {Impact.UPDATE}
    assert found.steps[0].roles[0] == "host_base"
    assert "kept_logs.days: 14 -> 3" in found.changes[0].reason
    assert plan(spec(), kept_logs={"days": 14, "max_gb": 2}).is_empty
