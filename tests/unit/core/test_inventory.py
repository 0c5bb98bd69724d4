"""Inventory, records, plan and status of one small group."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.inventory import Inventory, Site, build_inventory, slot_records
from adbray_ctl.core.ledger import Capacity
from adbray_ctl.core.observed import (
    HostObservation,
    Observed,
    ObservedSlot,
    RayNode,
    RayView,
    UnitState,
)
from adbray_ctl.core.plan import Action, make_plan
from adbray_ctl.core.record import SlotKind
from adbray_ctl.core.spec import Fleet, RayClusterSpec
from adbray_ctl.core.status import State, group_status, unit_name
from adbray_ctl.core.topology import Topology, place

SITE = Site(
    known_hosts="/p/known_hosts",
    token_file="/p/secrets/demo/token",
    redis_password_file="/p/secrets/demo/redis_password",
    wheel_cache="/c/wheels",
)
FLEET = Fleet.model_validate(
    {
        "kind": "Fleet",
        "ssh": {"user": "ops", "identity_file": "/k", "jump": {"address": "gate", "port": 2200}},
        "hosts": [{"name": "a", "address": "10.0.0.1"}, {"name": "b", "address": "10.0.0.2"}],
    }
)


def _spec(**changes: Any) -> RayClusterSpec:
    worker_group = {"name": "w", "size": "small", "min_workers": 1, "max_workers": 2} | changes
    base = {"kind": "RayCluster", "name": "demo", "ray": {"packages": ["numpy"]}}
    return RayClusterSpec.model_validate(base | {"worker_groups": [worker_group]})


def _topology(spec: RayClusterSpec, observed: Observed | None = None) -> Topology:
    room = Capacity(cpus=16, memory_mb=65536, disk_gb=900, gpus=1)
    records = (observed or Observed()).records()
    return place(fleet=FLEET, spec=spec, capacities={"a": room, "b": room}, records=records)


def _inventory(spec: RayClusterSpec) -> Inventory:
    return build_inventory(
        fleet=FLEET, spec=spec, topology=_topology(spec), namespace="demo-1", site=SITE
    )


def _applied(spec: RayClusterSpec, *, ray: bool = True) -> Observed:
    """The hosts after ``spec`` was applied and every started slot joined."""
    topology = _topology(spec)
    records = slot_records(spec, topology, "demo-1")
    hosts = []
    for name in ("a", "b"):
        here = topology.on(name)
        units = tuple(
            UnitState(
                unit=unit_name(records[p.slot]),
                active="active" if p.started else "inactive",
                sub="running" if p.started else "dead",
            )
            for p in here
        )
        nodes = tuple(
            RayNode(
                node_id=f"id-{p.slot}",
                address=p.address,
                alive=True,
                is_head=p.kind is SlotKind.HEAD,
                labels={"adbray.io/slot": p.slot},
            )
            for p in topology.started
            if p.kind is not SlotKind.REDIS
        )
        view = (RayView(group="demo", nodes=nodes),) if name == topology.head.host and ray else ()
        slots = tuple(ObservedSlot(record=records[p.slot], applied_at=1.0) for p in here)
        hosts.append(
            HostObservation(host=name, slots=slots, units=units, groups=("demo",), ray=view)
        )
    return Observed(hosts=tuple(hosts))


def test_no_secret_and_no_missing_role_variable() -> None:
    inventory = _inventory(_spec())
    assert inventory.groups["adbray_head"] == ("a",)
    assert inventory.groups["adbray_redis"] == ("b",)
    assert inventory.all_vars["ray_head_token_file"] == SITE.token_file
    assert inventory.all_vars["ray_head_redis_address"].startswith("10.0.0.2:")
    slots = [s for v in inventory.host_vars.values() for s in v["ray_worker_slots"]]
    assert {s["name"]: s["state"] for s in slots} == {"w-0": "started", "w-1": "prepared"}


def test_connection_goes_through_the_jump_host_and_checks_keys() -> None:
    variables = _inventory(_spec()).host_vars["a"]
    assert variables["ansible_become"] is True
    arguments = variables["ansible_ssh_common_args"]
    assert "-o StrictHostKeyChecking=yes" in arguments
    assert "-o UserKnownHostsFile=/p/known_hosts" in arguments
    assert "-W [%h]:%p -p 2200 root@gate" in arguments


def test_gpu_slice_becomes_one_gpu_a_label_and_a_visible_card() -> None:
    slots = [
        slot
        for variables in _inventory(_spec(type="GPU", allocation_unit="1/3")).host_vars.values()
        for slot in variables["ray_worker_slots"]
    ]
    assert all(slot["gpus"] == 1 for slot in slots)
    assert all(slot["labels"]["adbray.io/gpu-unit"] == "1-3" for slot in slots)
    assert all(slot["env"]["CUDA_VISIBLE_DEVICES"] == "0" for slot in slots)


def test_new_group_starts_everything() -> None:
    spec = _spec()
    topology = _topology(spec)
    records = slot_records(spec, topology, "demo-1")
    plan = make_plan(topology=topology, records=records, observed=Observed())
    assert plan.count(Action.START) == len(topology.placements)


def test_applied_group_keeps_everything() -> None:
    spec = _spec()
    observed = _applied(spec)
    topology = _topology(spec, observed)
    records = slot_records(spec, topology, "demo-1")
    plan = make_plan(topology=topology, records=records, observed=observed)
    assert plan.is_empty
    assert all("is applied" in change.reason for change in plan.changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"min_workers": 2}, {}),
        ({"max_workers": 3}, {"w-2": Action.START}),
        ({"max_workers": 1}, {"w-1": Action.DELETE}),
        ({"size": "medium"}, {"w-0": Action.RESTART, "w-1": Action.RESTART}),
        ({"disk_gb": 120}, {"w-0": Action.RESTART, "w-1": Action.RESTART}),
        ({"env": {"A": "b"}}, {"w-0": Action.RESTART, "w-1": Action.RESTART}),
        ({"labels": {"tier": "x"}}, {"w-0": Action.RESTART, "w-1": Action.RESTART}),
    ],
    ids=str,
)
def test_what_a_change_does(changes: dict[str, Any], expected: dict[str, Action]) -> None:
    observed = _applied(_spec())
    spec = _spec(**changes)
    topology = _topology(spec, observed)
    records = slot_records(spec, topology, "demo-1")
    plan = make_plan(topology=topology, records=records, observed=observed)
    changed = {c.slot: c.action for c in plan.changes if c.action is not Action.KEEP}
    assert changed == expected


def test_status_joins_host_systemd_and_ray() -> None:
    status = group_status("demo", _applied(_spec()))
    assert status.ready
    assert {s.slot: s.state for s in status.slots} == {
        "head": State.RUNNING,
        "redis": State.RUNNING,
        "w-0": State.RUNNING,
        "w-1": State.PREPARED,
    }
    assert status.addresses is not None
    assert status.addresses.dashboard == "http://10.0.0.1:8265"
    assert status.slots[0].ray_node == "id-head"


def test_status_without_ray_is_not_ready() -> None:
    status = group_status("demo", _applied(_spec(), ray=False))
    assert not status.ready
    assert {s.slot: s.state for s in status.slots}["w-0"] is State.STARTING


def test_silent_host_is_a_problem_not_a_crash() -> None:
    observed = Observed(hosts=(HostObservation(host="a", error="no answer"),))
    status = group_status("demo", observed)
    assert not status.ready
    assert status.problems == ("a: no answer",)
