"""Inventory, records, plan and status of one small group."""

from __future__ import annotations

import shlex
from typing import Any

from adbray_ctl.core.desired.desired import desired_of
from adbray_ctl.core.inventory.group import build_inventory
from adbray_ctl.core.inventory.removal import build_removal_inventory
from adbray_ctl.core.inventory.site import Inventory
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.observed.slots import SlotState
from adbray_ctl.core.observed.status import group_status
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.placement.place import place
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from tests.unit.cluster import applied
from tests.unit.core.site import SITE

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
        fleet=FLEET,
        spec=spec,
        desired=desired_of(FLEET, spec, _topology(spec), "demo-1"),
        site=SITE,
    )


def test_no_secret_and_no_missing_role_variable() -> None:
    inventory = _inventory(_spec())
    assert inventory.groups["adbray_head"] == ("a",)
    assert inventory.groups["adbray_redis"] == ("b",)
    assert inventory.all_vars["ray_head_token_file"] == SITE.token_file
    assert inventory.all_vars["ray_head_redis_address"].startswith("rediss://10.0.0.2:")
    slots = [s for v in inventory.host_vars.values() for s in v["ray_worker_slots"]]
    assert {s["name"]: s["state"] for s in slots} == {"w-0": "running", "w-1": "prepared"}


def test_hosts_that_get_ray_know_each_other() -> None:
    inventory = _inventory(_spec(hosts={"names": ["a"]}))
    assert set(inventory.host_vars) == {"a", "b"}
    # On b is Redis alone.
    assert inventory.all_vars["ray_runtime_peers"] == ["10.0.0.1"]
    addresses = {host: own["ray_runtime_address"] for host, own in inventory.host_vars.items()}
    assert addresses == {"a": "10.0.0.1", "b": "10.0.0.2"}


def test_connection_goes_through_the_jump_host_and_checks_keys() -> None:
    variables = _inventory(_spec()).host_vars["a"]
    assert variables["ansible_become"] is True
    words = shlex.split(variables["ansible_ssh_args"])
    assert words[:4] == ["-F", "/dev/null", "-o", "StrictHostKeyChecking=yes"]
    assert 'UserKnownHostsFile="/p/known_hosts"' in words
    assert variables["ansible_host_key_checking"] is True
    (jump,) = (word for word in words if word.startswith("ProxyCommand="))
    inner = shlex.split(jump.partition("=")[2])
    assert inner[:3] == ["ssh", "-W", "[%h]:%p"]
    assert inner[-3:] == ["-p", "2200", "root@gate"]
    assert 'UserKnownHostsFile="/p/known_hosts"' in inner


def test_gpu_slice_becomes_one_gpu_a_label_and_a_visible_card() -> None:
    slots = [
        slot
        for variables in _inventory(_spec(type="GPU", allocation_unit="1/3")).host_vars.values()
        for slot in variables["ray_worker_slots"]
    ]
    assert all(slot["gpus"] == 1 for slot in slots)
    assert all(slot["labels"]["adbray.io/gpu-unit"] == "1-3" for slot in slots)
    assert all(slot["env"]["CUDA_VISIBLE_DEVICES"] == "0" for slot in slots)


def test_what_has_no_card_sees_none() -> None:
    variables = _inventory(_spec()).host_vars["a"]
    assert variables["ray_head_slot"]["env"]["CUDA_VISIBLE_DEVICES"] == ""
    for slot in variables["ray_worker_slots"]:
        assert slot["env"]["CUDA_VISIBLE_DEVICES"] == ""


def test_status_joins_host_systemd_and_ray() -> None:
    spec = _spec()
    status = group_status("demo", applied(FLEET, spec, _topology(spec)))
    assert status.ready
    assert {s.slot: s.state for s in status.slots} == {
        "head": SlotState.RUNNING,
        "redis": SlotState.RUNNING,
        "w-0": SlotState.RUNNING,
        "w-1": SlotState.PREPARED,
    }
    assert status.addresses is not None
    assert status.addresses.dashboard == "http://10.0.0.1:8265"
    assert status.addresses.serve == "http://10.0.0.1:19000"
    assert status.slots[0].ray_node == "id-head"


def test_status_without_ray_is_not_ready() -> None:
    spec = _spec()
    status = group_status("demo", applied(FLEET, spec, _topology(spec), ray=False))
    assert not status.ready
    assert {s.slot: s.state for s in status.slots}["w-0"] is SlotState.STARTING


def test_silent_host_is_a_problem_not_a_crash() -> None:
    observed = Observed(hosts=(HostObservation(host="a", error="no answer"),))
    status = group_status("demo", observed)
    assert not status.ready
    assert status.problems == ("a: no answer",)


def test_a_group_that_stays_elsewhere_keeps_its_keys() -> None:
    for stays in (True, False):
        inventory = build_removal_inventory(
            fleet=FLEET, group="demo", hosts=(), site=SITE, stays=stays
        )
        assert inventory.all_vars["ray_head_forget_state"] is not stays
