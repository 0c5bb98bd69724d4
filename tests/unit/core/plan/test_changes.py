"""What a change of the spec, or of the hosts, does to each node."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayLoad, RayView
from adbray_ctl.core.plan.plan import ChangePlan, base_of, moved_since
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact, effect_of, fields
from tests.unit.cluster import placed
from tests.unit.core.plans import (
    DELETE,
    FLEET,
    RESTART,
    SPEC,
    START,
    UPDATE,
    busy,
    fleet,
    names,
    plan,
    spec,
    standing,
    touched,
    with_view,
    without,
    workers,
)

RUNNING = {"head", "redis", "w-0", "w-1", "x-0", "g-0"}


def actions(found: ChangePlan) -> dict[str, str]:
    return {f"{c.node}@{c.host}": c.action for c in found.changes if c.action is not Impact.KEEP}


W = {"w-0": RESTART, "w-1": RESTART, "w-2": UPDATE}
# The head is told what it may scale, and is not restarted for it.
TOLD = {"head": UPDATE}
RAY = {"head": RESTART, "x-0": RESTART, "g-0": RESTART, **W}


# One case for every field of groups/*.yml: the changed spec, and what happens to which node.
GROUP_CASES: dict[str, tuple[dict[str, Any], dict[str, Impact]]] = {
    "kind": ({}, {}),
    "name": ({}, {}),
    "production": ({"production": True}, {}),
    "ray.version": ({"ray": {"version": "2.59.0"}}, RAY),
    "ray.python": ({"ray": {"python": "3.12"}}, RAY),
    "ray.packages": ({"ray": {"packages": ["numpy"]}}, RAY),
    "head.size": ({"head": SPEC["head"] | {"size": "small"}}, {"head": RESTART}),
    "head.disk_gb": ({"head": SPEC["head"] | {"disk_gb": 80}}, {"head": RESTART}),
    "head.hosts.names": (
        {"head": {"size": "tiny", "hosts": {"names": ["b"]}}},
        {**RAY, "head": START},
    ),
    "head.hosts.labels": (
        {"head": {"size": "tiny", "hosts": {"labels": {"zone": "b"}}}},
        {**RAY, "head": START},
    ),
    "head.ports.gcs": ({"head": SPEC["head"] | {"ports": {"gcs": 6380}}}, RAY),
    "head.ports.dashboard": (
        {"head": SPEC["head"] | {"ports": {"dashboard": 8266}}},
        {"head": RESTART},
    ),
    "head.standby": (
        {"head": {"size": "tiny", "standby": 1}},
        {"head": RESTART, "standby-0": START},
    ),
    "head.virtual_ip": ({"head": SPEC["head"] | {"virtual_ip": "10.0.0.100"}}, RAY),
    "head.hang_after_s": ({"head": SPEC["head"] | {"hang_after_s": 20}}, {"head": RESTART}),
    "head.ports.client": (
        {"head": SPEC["head"] | {"ports": {"client": 10002}}},
        {"head": RESTART},
    ),
    "head.ports.serve": ({"head": SPEC["head"] | {"ports": {"serve": 8000}}}, RAY),
    "head.ports.serve_grpc": ({"head": SPEC["head"] | {"ports": {"serve_grpc": 9000}}}, RAY),
    "gcs_storage": (
        {"gcs_storage": "rocksdb", "redis": {}},
        {"head": RESTART, "redis": DELETE},
    ),
    "redis.mode": ({"redis": {"mode": "none"}}, {"head": RESTART, "redis": DELETE}),
    "redis.hosts.names": (
        {"redis": {"hosts": {"names": ["c"]}}},
        {"head": RESTART, "redis": START},
    ),
    "redis.hosts.labels": (
        {"redis": {"hosts": {"labels": {"zone": "c"}}}},
        {"head": RESTART, "redis": START},
    ),
    "redis.maxmemory_mb": (
        {"redis": SPEC["redis"] | {"maxmemory_mb": 512}},
        {"redis": RESTART},
    ),
    "redis.url": (
        {"redis": {"mode": "external", "url": "redis://r:1", "password_file": "p"}},
        {"head": RESTART, "redis": DELETE},
    ),
    "redis.username": (
        {"redis": {"mode": "external", "url": "redis://r:1", "username": "u"}},
        {"head": RESTART, "redis": DELETE},
    ),
    "redis.password_file": (
        {"redis": {"mode": "external", "url": "redis://r:1", "password_file": "q"}},
        {"head": RESTART, "redis": DELETE},
    ),
    "redis.ca_file": (
        {"redis": {"mode": "external", "url": "rediss://r:1", "ca_file": "c"}},
        {"head": RESTART, "redis": DELETE},
    ),
    "worker_groups[].name": (
        workers("x", name="y"),
        {"x-0": DELETE, "y-0": START, **TOLD},
    ),
    "worker_groups[].type": (workers("x", type="GPU"), {"x-0": RESTART, **TOLD}),
    "worker_groups[].size": (workers("w", size="small"), W | TOLD),
    "worker_groups[].disk_gb": (workers("w", disk_gb=80), W),
    "worker_groups[].min_workers": (workers("w", min_workers=3), {"w-2": START, **TOLD}),
    "worker_groups[].max_workers": (workers("w", max_workers=2), {"w-2": DELETE, **TOLD}),
    "worker_groups[].allocation_unit": (workers("g", allocation_unit=2), {"g-0": RESTART, **TOLD}),
    "worker_groups[].isolation": (
        workers("g", allocation_unit="1/2", isolation="none"),
        {"g-0": RESTART, **TOLD},
    ),
    "worker_groups[].hosts.names": (workers("g", hosts={"names": ["b"]}), {"g-0": START}),
    "worker_groups[].hosts.labels": (
        workers("g", hosts={"labels": {"zone": "a"}}),
        {"g-0": START},
    ),
    "worker_groups[].labels": (workers("w", labels={"tier": "x"}), W | TOLD),
    "worker_groups[].env": (workers("x", env={"A": "1", "B": "3"}), {"x-0": RESTART}),
    "worker_groups[].object_store_gb": (workers("w", object_store_gb=0.5), W | TOLD),
    "worker_groups[].max_unavailable": (workers("w", max_unavailable=2), {}),
    "drain_timeout_s": ({"drain_timeout_s": 5}, {}),
    "idle_timeout_s": ({"idle_timeout_s": 5}, TOLD),
    "max_launches_per_minute": ({"max_launches_per_minute": 5}, TOLD),
}


@pytest.mark.parametrize("path", GROUP_CASES)
def test_what_a_field_of_a_group_does(path: str) -> None:
    changes, expected = GROUP_CASES[path]
    found = plan(spec(**changes))
    moved = {c.node for c in found.changes if "moves to" in c.reason}
    final = names(found)
    final.update({c.node: c.action for c in found.changes if c.reason.startswith("moves from")})
    assert final == expected
    for node in moved:
        assert {c.action for c in found.changes if c.node == node} == {DELETE, START}


@pytest.mark.parametrize("path", GROUP_CASES)
def test_the_metadata_says_the_same(path: str) -> None:
    effect = effect_of(dict(fields(RayClusterSpec))[path])
    assert effect is not None
    changes, _ = GROUP_CASES[path]
    found = plan(spec(**changes))
    restarted = {c.kind for c in found.changes if c.action is RESTART}
    if effect.impact is RESTART:
        assert restarted == set(effect.on)
    elif not effect.note:
        assert found.is_empty


@pytest.mark.parametrize("model", [Fleet, RayClusterSpec])
def test_every_field_says_what_its_change_does(model: type[Fleet | RayClusterSpec]) -> None:
    forgotten = [path for path, info in fields(model) if effect_of(info) is None]
    assert not forgotten
    if model is RayClusterSpec:
        assert {path for path, _ in fields(model)} == set(GROUP_CASES)


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"sizes": {"tiny": {"cpus": 2, "memory_gb": 1.0}}}, {SlotKind.HEAD, SlotKind.WORKER}),
        ({"sizes": {"tiny": {"cpus": 1, "memory_gb": 2.0}}}, {SlotKind.HEAD, SlotKind.WORKER}),
        ({"ports": {"base": 21000}}, set(SlotKind)),
        # Redis sits in the first block of its host, which begins where it did.
        ({"ports": {"block": 300}}, {SlotKind.HEAD, SlotKind.WORKER}),
        ({"ssh": {"user": "ops", "port": 2222, "connect_timeout_s": 5}}, set()),
        ({"limits": {"max_workers": 60, "min_workers": 0, "disk_gb": {"max": 500}}}, set()),
    ],
    ids=str,
)
def test_what_a_field_of_the_fleet_does(changes: dict[str, Any], kinds: set[SlotKind]) -> None:
    found = plan(spec(), **changes)
    assert {c.kind for c in found.changes if c.action is RESTART} == kinds
    assert not {c.action for c in found.changes} & {START, DELETE}


def test_a_new_address_restarts_what_knows_it() -> None:
    hosts = [dict(host) for host in FLEET["hosts"]]
    hosts[1]["address"] = "10.9.9.9"
    restarted = {c.node for c in plan(spec(), hosts=hosts).changes if c.action is RESTART}
    on_b = {p.slot for p in placed(fleet(), spec()).placements if p.host == "b" and p.started}
    assert restarted == on_b | {"head"}, "the head knows Redis by its address"


def test_a_new_group_starts_and_an_applied_one_is_kept() -> None:
    new = plan(spec(), Observed())
    assert {c.node for c in new.changes if c.action is START} == RUNNING
    assert [step.roles for step in new.steps] == [
        (
            "host_base",
            "ray_runtime",
            "worker_disk",
            "redis",
            "redis_exporter",
            "ray_head",
            "ray_worker",
        )
    ]
    kept = plan(spec())
    assert kept.is_empty
    assert not kept.steps
    assert all(change.reason for change in kept.changes)


def test_reasons_name_field_old_and_new() -> None:
    found = plan(spec(**workers("x", size="medium", env={"A": "1", "B": "3"})))
    (change,) = (c for c in found.changes if c.node == "x-0")
    shown = {f.field: (f.old, f.new) for f in change.fields}
    assert shown["worker_groups.x.size"] == ("small", "medium")
    assert "worker_groups.x.env.B" in shown
    assert "worker_groups.x.env.A" not in shown
    assert "3" not in shown["worker_groups.x.env.B"], "values may be secrets"


def test_a_lower_minimum_stops_nothing() -> None:
    assert names(plan(spec(**workers("w", min_workers=1)))) == TOLD


@pytest.mark.parametrize(
    ("node", "changes", "action", "reason"),
    [
        ("w-0", {"drift": ("/etc/x was edited",)}, RESTART, "drift: /etc/x was edited"),
        ("w-2", {"drift": ("/etc/x was edited",)}, UPDATE, "drift: /etc/x was edited"),
        ("w-0", {"active": "inactive"}, START, "min_workers asks for it"),
        ("head", {"active": "failed"}, START, "drift: its unit failed"),
        ("w-2", {"active": "failed"}, UPDATE, "drift: its unit failed"),
        ("redis", {"drift": ("/var/lib/x is not mounted",)}, RESTART, "not mounted"),
    ],
)
def test_drift_is_a_change_with_its_own_reason(
    node: str, changes: dict[str, Any], action: Impact, reason: str
) -> None:
    found = plan(spec(), touched(node, **changes))
    assert names(found) == {node: action}
    assert reason in next(c.reason for c in found.changes if c.node == node)


def test_a_drained_node_in_a_running_unit_is_restarted() -> None:
    view = standing().ray("demo")
    assert view is not None
    nodes = tuple(
        n.model_copy(update={"alive": False}) if n.node_id == "id-x-0" else n for n in view.nodes
    )
    found = plan(spec(), with_view(view.model_copy(update={"nodes": nodes})))
    assert names(found) == {"x-0": RESTART}
    assert "its Ray node has ended" in found.changes[0].reason


def test_what_is_lost_and_which_jobs_are_hit() -> None:
    found = plan(spec(**workers("w", size="small")), busy())
    (change,) = (c for c in found.changes if c.node == "w-0")
    assert change.lost == RayLoad(actors=2, tasks=1)
    assert [(job.id, job.nodes) for job in found.jobs] == [("j1", ("w-0",))]
    assert not plan(spec(), busy()).jobs
    assert not plan(spec(**workers("w", min_workers=3)), busy()).jobs


def test_a_plan_says_when_it_does_not_know_what_runs() -> None:
    assert not plan(spec()).blind
    assert not plan(spec(), Observed()).blind, "a new group runs nothing"
    silent = with_view(RayView(group="demo", error="URLError: refused"))
    assert plan(spec(**workers("w", size="small")), silent).blind == "URLError: refused"


def test_worst_first() -> None:
    found = plan(spec(**without(workers("w", size="small", min_workers=3), "x")))
    ranks = [change.action.rank for change in found.changes]
    assert ranks == sorted(ranks, reverse=True)


def test_a_plan_knows_what_moved() -> None:
    found = plan(spec(**workers("w", size="small")))
    assert not moved_since(found, base_of("demo", standing(), found.changes))
    stopped = touched("w-1", active="inactive")
    now = base_of("demo", stopped, plan(spec(**workers("w", size="small")), stopped).changes)
    (shown,) = moved_since(found, now)
    assert shown.startswith("w-1@")
    assert "is" in shown
    assert plan(spec()).inputs != found.inputs
