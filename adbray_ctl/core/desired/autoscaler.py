"""What the autoscaler on the head reads: which types of workers there are, how many, and where.

All of it reaches a running head: it reads its files again at every tick. The head's record repeats
it, so that a plan can name what differs.
"""

from __future__ import annotations

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from adbray_ctl.core.desired.slots import WorkerSlot, worker_slot
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.hosts import Host, command_words
from adbray_ctl.core.spec.settings import WORKER_HOSTS

# Ray's word for kinds of nodes; a worker group's name cannot be this, for the dot.
HEAD_TYPE = "ray.head"
PROVIDER = "adbray_ctl.provider.node_provider.SlotProvider"
SLOT_USER = "adbray-slot"
_MIB = 1024 * 1024
# Ray starts this many times what runs, rounded up, and one at least: no bound of ours.
_UPSCALING_SPEED = 1000
# After a restart of the head Ray counts heads that ended for a moment. Where a maximum is passed it
# ends nodes at once, a living head or a worker with work among them, so this one is out of reach.
_HEADS = 100


class _File(BaseModel):
    """A part of autoscaling.json; what may be absent there is None here."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    @model_serializer(mode="wrap")
    def _given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What was not given is not in the file."""
        given = self.model_fields_set
        return {name: value for name, value in dump(self).items() if name in given}


class Waking(_File):
    """The commands, as words, that wake a host and put it to sleep."""

    wake: tuple[str, ...]
    sleep: tuple[str, ...]
    timeout_s: int
    idle_s: int


class ScalingHost(_File):
    """A host that carries workers, and how the head reaches its sshd.

    Of one that may sleep its slots are named too, each with its worker group: it cannot be asked
    before it is awake.
    """

    name: str
    address: str
    port: int
    power: Waking | None = None
    slots: dict[str, str] | None = None


class ProviderConfig(_File):
    """What Ray hands to our provider (adbray_ctl/provider/orders.py)."""

    type: str
    module: str
    disable_node_updaters: bool
    disable_launch_config_check: bool
    user: str
    config_file: str
    journal_dir: str
    key_file: str
    known_hosts_file: str
    gcs_address: str
    hosts: tuple[ScalingHost, ...]
    launches_per_minute: int | None


class NodeType(_File):
    """A worker group in Ray's words: what one worker offers, and how many there may be."""

    resources: dict[str, int]
    labels: dict[str, str] = {}
    min_workers: int = 0
    max_workers: int
    idle_timeout_s: int | None = None
    node_config: dict[str, JsonValue]


class AutoscalingConfig(_File):
    """Ray's cluster config, as `ray start --autoscaling-config` takes it."""

    cluster_name: str
    provider: ProviderConfig
    max_workers: int
    upscaling_speed: int
    idle_timeout_minutes: float
    head_node_type: str
    available_node_types: dict[str, NodeType]
    # Ray wants these there, and empty.
    file_mounts: dict[str, str]
    cluster_synced_files: tuple[str, ...]
    initialization_commands: tuple[str, ...]
    setup_commands: tuple[str, ...]
    head_setup_commands: tuple[str, ...]
    worker_setup_commands: tuple[str, ...]

    @property
    def worker_types(self) -> dict[str, NodeType]:
        """The worker groups by name."""
        types = self.available_node_types
        return {name: kind for name, kind in types.items() if name != self.head_node_type}


def autoscaling_config(fleet: Fleet, spec: RayClusterSpec, topology: Topology) -> AutoscalingConfig:
    """The autoscaler's file for a group."""
    head = NodeType(resources={"CPU": 0}, max_workers=_HEADS, node_config={})
    return AutoscalingConfig(
        cluster_name=spec.name,
        provider=_provider(fleet, spec, topology),
        max_workers=sum(group.max_workers for group in spec.worker_groups) + _HEADS,
        upscaling_speed=_UPSCALING_SPEED,
        idle_timeout_minutes=spec.idle_timeout_s / 60,
        head_node_type=HEAD_TYPE,
        available_node_types={HEAD_TYPE: head} | _worker_types(spec, topology),
        file_mounts={},
        cluster_synced_files=(),
        initialization_commands=(),
        setup_commands=(),
        head_setup_commands=(),
        worker_setup_commands=(),
    )


def scaling_settings(spec: RayClusterSpec, config: AutoscalingConfig) -> dict[str, JsonValue]:
    """The same as flat settings, for the head's record and for plans."""
    settings: dict[str, JsonValue] = {
        "idle_timeout_s": spec.idle_timeout_s,
        "max_launches_per_minute": spec.max_launches_per_minute,
    }
    for name, kind in config.worker_types.items():
        plain = kind.model_dump(mode="json")
        for field in ("min_workers", "max_workers", "resources", "labels"):
            settings[f"worker_groups.{name}.{field}"] = plain[field]
    hosts = config.provider.hosts
    settings[WORKER_HOSTS] = {host.name: f"{host.address}:{host.port}" for host in hosts}
    for host in hosts:
        if host.power is not None:
            settings[f"{WORKER_HOSTS}.{host.name}.power"] = host.power.model_dump(mode="json")
    return settings


def _provider(fleet: Fleet, spec: RayClusterSpec, topology: Topology) -> ProviderConfig:
    folder = f"/etc/adbray/{spec.name}"
    return ProviderConfig(
        type="external",
        module=PROVIDER,
        # Ours: the provider starts what apply has prepared, and Ray installs nothing.
        disable_node_updaters=True,
        disable_launch_config_check=True,
        user=SLOT_USER,
        # This very file, for what the provider reads again at every tick.
        config_file=f"{folder}/autoscaling.json",
        journal_dir=f"/var/lib/adbray/{spec.name}/head/logs",
        key_file=f"{folder}/slot_key",
        known_hosts_file=f"{folder}/known_hosts",
        gcs_address=f"{topology.head_address}:{topology.head.ports['gcs']}",
        hosts=_hosts(fleet, topology),
        launches_per_minute=spec.max_launches_per_minute,
    )


def _hosts(fleet: Fleet, topology: Topology) -> tuple[ScalingHost, ...]:
    slots: dict[str, dict[str, str]] = {}
    for p in topology.workers:
        slots.setdefault(p.host, {})[p.slot] = p.worker_group or ""
    return tuple(_host(fleet, fleet.host(name), here) for name, here in slots.items())


def _host(fleet: Fleet, host: Host, slots: dict[str, str]) -> ScalingHost:
    port = fleet.ssh_for(host).port
    if host.power is None:
        return ScalingHost(name=host.name, address=host.address, port=port)
    power = Waking(
        wake=tuple(command_words(host, host.power.wake)),
        sleep=tuple(command_words(host, host.power.sleep)),
        timeout_s=host.power.timeout_s,
        idle_s=host.power.idle_s,
    )
    return ScalingHost(name=host.name, address=host.address, port=port, power=power, slots=slots)


def _worker_types(spec: RayClusterSpec, topology: Topology) -> dict[str, NodeType]:
    first = {p.worker_group: p for p in reversed(topology.workers)}
    types = {}
    for group in spec.worker_groups:
        slot = worker_slot(first[group.name], group)
        types[group.name] = NodeType(
            resources=_resources(slot),
            labels=_labels(slot),
            min_workers=group.min_workers,
            max_workers=group.max_workers,
            idle_timeout_s=spec.idle_timeout_s,
            node_config={},
        )
    return types


def _resources(slot: WorkerSlot) -> dict[str, int]:
    gpus = {"GPU": slot.gpus} if slot.gpus else {}
    return {"CPU": slot.cpus, "memory": slot.ray_memory_mb * _MIB, **gpus}


def _labels(slot: WorkerSlot) -> dict[str, str]:
    """Those that all workers of the group have, whichever their slot."""
    own = {"adbray.io/worker-group": slot.worker_group, "ray.io/node-group": slot.worker_group}
    return {**own, **slot.labels}
