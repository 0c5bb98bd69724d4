"""What the autoscaler on the head is told: which types of workers there are, how many, and where.

All of it reaches a running head: it reads its files again at every tick. The head's record repeats
it, so that a plan can name what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from adbray_ctl.core.desired.slots import slot_vars
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec, WorkerGroup
from adbray_ctl.core.spec.hosts import Host, command_words
from adbray_ctl.core.spec.settings import WORKER_HOSTS

# Ray's word for kinds of nodes; a worker group's name cannot be this, for the dot.
HEAD_TYPE = "ray.head"
PROVIDER = "adbray_ctl.provider.node_provider.SlotProvider"
SLOT_USER = "adbray-slot"
_EMPTY = (
    "cluster_synced_files",
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
)
_MIB = 1024 * 1024
# Ray starts this many times what runs, rounded up, and one at least: no bound of ours.
_UPSCALING_SPEED = 1000
# After a restart of the head Ray counts heads that ended for a moment. Where a maximum is passed it
# ends nodes at once, a living head or a worker with work among them, so this one is out of reach.
_HEADS = 100


def node_types(spec: RayClusterSpec, topology: Topology) -> dict[str, dict[str, Any]]:
    """The worker groups in Ray's words: what one worker offers, and how many there may be."""
    first = {p.worker_group: p for p in reversed(topology.workers)}
    types = {}
    for group in spec.worker_groups:
        slot = slot_vars(first[group.name], group)
        types[group.name] = {
            "resources": _resources(slot),
            "labels": _labels(group, slot),
            "min_workers": group.min_workers,
            "max_workers": group.max_workers,
            "idle_timeout_s": spec.idle_timeout_s,
            "node_config": {},
        }
    return types


def scaling_hosts(fleet: Fleet, topology: Topology) -> list[dict[str, Any]]:
    """The hosts that carry workers, how the head reaches their sshd, and how it wakes them.

    Of those that may sleep the slots are told too: who wakes them cannot ask them before.
    """
    slots: dict[str, dict[str, str]] = {}
    for p in topology.workers:
        slots.setdefault(p.host, {})[p.slot] = p.worker_group or ""
    return [_scaling_host(fleet, fleet.host(name), here) for name, here in slots.items()]


def _scaling_host(fleet: Fleet, host: Host, slots: dict[str, str]) -> dict[str, Any]:
    plain = {"name": host.name, "address": host.address, "port": fleet.ssh_for(host).port}
    if host.power is None:
        return plain

    power = {
        "wake": command_words(host, host.power.wake),
        "sleep": command_words(host, host.power.sleep),
        "timeout_s": host.power.timeout_s,
        "idle_s": host.power.idle_s,
    }
    return {**plain, "power": power, "slots": slots}


def autoscaling_config(fleet: Fleet, spec: RayClusterSpec, topology: Topology) -> dict[str, Any]:
    """Ray's cluster config, as `ray start --autoscaling-config` takes it."""
    folder = f"/etc/adbray/{spec.name}"
    return {
        "cluster_name": spec.name,
        "provider": {
            "type": "external",
            "module": PROVIDER,
            # Ours: the provider starts what apply has prepared, and Ray installs nothing.
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "user": SLOT_USER,
            # This very file, for what the provider reads again at every tick.
            "config_file": f"{folder}/autoscaling.json",
            "journal_dir": f"/var/lib/adbray/{spec.name}/head/logs",
            "key_file": f"{folder}/slot_key",
            "known_hosts_file": f"{folder}/known_hosts",
            "gcs_address": f"{topology.head_address}:{topology.head.ports['gcs']}",
            "hosts": scaling_hosts(fleet, topology),
            "launches_per_minute": spec.max_launches_per_minute,
        },
        "max_workers": sum(group.max_workers for group in spec.worker_groups) + _HEADS,
        "upscaling_speed": _UPSCALING_SPEED,
        "idle_timeout_minutes": spec.idle_timeout_s / 60,
        "head_node_type": HEAD_TYPE,
        "available_node_types": {
            HEAD_TYPE: {"resources": {"CPU": 0}, "max_workers": _HEADS, "node_config": {}},
            **node_types(spec, topology),
        },
        # Ray wants these there, and empty.
        "file_mounts": {},
        **{key: [] for key in _EMPTY},
    }


def scaling_settings(
    fleet: Fleet, spec: RayClusterSpec, topology: Topology
) -> dict[str, JsonValue]:
    """The same as flat settings, for the head's record and for plans."""
    settings: dict[str, JsonValue] = {
        "idle_timeout_s": spec.idle_timeout_s,
        "max_launches_per_minute": spec.max_launches_per_minute,
    }
    for name, kind in node_types(spec, topology).items():
        for field in ("min_workers", "max_workers", "resources", "labels"):
            settings[f"worker_groups.{name}.{field}"] = kind[field]
    hosts = scaling_hosts(fleet, topology)
    settings[WORKER_HOSTS] = {h["name"]: f"{h['address']}:{h['port']}" for h in hosts}
    for host in hosts:
        if "power" in host:
            settings[f"{WORKER_HOSTS}.{host['name']}.power"] = host["power"]
    return settings


def _resources(slot: Mapping[str, Any]) -> dict[str, int]:
    gpus = {"GPU": slot["gpus"]} if slot["gpus"] else {}
    return {"CPU": slot["cpus"], "memory": slot["ray_memory_mb"] * _MIB, **gpus}


def _labels(group: WorkerGroup, slot: Mapping[str, Any]) -> dict[str, str]:
    """Those that all workers of the group have, whichever their slot."""
    own = {"adbray.io/worker-group": group.name, "ray.io/node-group": group.name}
    return {**own, **slot["labels"]}
