"""A slot as the roles take it: its share, its environment, and where its Redis is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.slot.gpu import Isolation, thread_percentage
from adbray_ctl.core.slot.record import Gpu
from adbray_ctl.core.slot.shares import head_share, worker_share
from adbray_ctl.core.spec.group import RayClusterSpec, WorkerGroup
from adbray_ctl.core.spec.redis import RedisMode

# The ACL user of a managed Redis.
REDIS_USER = "ray"


class _Slot(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class RaySlot(_Slot):
    """A slot that Ray runs in, as its role takes it; its share is as in ``slot.shares.Share``."""

    name: str
    cpus: int
    memory_mb: int
    cpu_weight: int
    tasks_max: int
    object_store_mb: int
    shm_mb: int
    ray_memory_mb: int
    memory_threshold: float
    ports: dict[str, int]
    labels: dict[str, str] = {}
    env: dict[str, str]


class WorkerSlot(RaySlot):
    """A worker's slot. ``gpus`` is Ray's node resource, ``gpu_held_by`` what holds a slice."""

    worker_group: str
    state: Literal["running", "prepared"]
    gpus: int
    gpu_held_by: str
    gpu_card: int


class CardSlice(_Slot):
    """A slice of a card that its host holds; ``memory_mb`` is MPS's limit, ``profile`` MIG's."""

    name: str
    card: int
    isolation: str
    percentage: int
    memory_mb: int
    profile: str
    parts: int


def redis_address(spec: RayClusterSpec, topology: Topology) -> str:
    """Where the head finds its Redis: a redis(s):// URL, or nothing.

    ``sentinel://host:port,host:port`` are the Sentinels that know. The group's own speak TLS.
    """
    if spec.redis_mode is RedisMode.EXTERNAL and spec.redis.url:
        return spec.redis.url
    if spec.redis_mode is RedisMode.SENTINEL:
        return "sentinel://" + ",".join(
            f"{p.address}:{p.ports['sentinel']}" for p in topology.redis
        )
    return ",".join(f"rediss://{p.address}:{p.ports['redis']}" for p in topology.redis)


def head_slot(placement: Placement, env: Mapping[str, str]) -> RaySlot:
    """The slot of a head or standby; ``env`` is what the head must know beside its own."""
    share = head_share(placement.cpus, placement.memory_mb)
    return RaySlot(
        name=placement.slot,
        cpus=placement.cpus,
        memory_mb=placement.memory_mb,
        **share.model_dump(),
        ports=placement.ports,
        env=_gpu_env(None) | dict(env),
    )


def worker_slot(placement: Placement, group: WorkerGroup) -> WorkerSlot:
    """The slot of a worker of ``group``."""
    store_gb, gpu = group.object_store_gb, placement.gpu
    store_mb = None if store_gb is None else int(store_gb * 1024)
    share = worker_share(placement.cpus, placement.memory_mb, store_mb)
    return WorkerSlot(
        name=placement.slot,
        cpus=placement.cpus,
        memory_mb=placement.memory_mb,
        **share.model_dump(),
        ports=placement.ports,
        labels=group.labels | _gpu_labels(gpu),
        env=group.env | _gpu_env(gpu),
        worker_group=group.name,
        state="running" if placement.started else "prepared",
        gpus=gpu.ray_gpus if gpu else 0,
        gpu_held_by=_held_by(gpu),
        gpu_card=gpu.cards[0] if gpu else 0,
    )


def slice_of(placement: Placement) -> CardSlice | None:
    """A worker's slice of a card; None where nothing on the host has to hold one."""
    gpu = placement.gpu
    if gpu is None or not _held_by(gpu):
        return None
    return CardSlice(
        name=placement.slot,
        card=gpu.cards[0],
        isolation=_held_by(gpu),
        percentage=thread_percentage(gpu.slices),
        memory_mb=gpu.memory_mb,
        profile=gpu.profile,
        parts=gpu.slices,
    )


def _held_by(gpu: Gpu | None) -> str:
    held = gpu.isolation if gpu else None
    return "" if held in (None, Isolation.NONE) else str(held)


def _gpu_labels(gpu: Gpu | None) -> dict[str, str]:
    if gpu is None or gpu.slices == 1:
        return {}
    # A label's value may not hold a slash, so 1/3 is written 1-3.
    unit = {"adbray.io/gpu-unit": f"1-{gpu.slices}"}
    return unit | {"adbray.io/gpu-isolation": str(gpu.isolation or Isolation.NONE)}


def _gpu_env(gpu: Gpu | None) -> dict[str, str]:
    """Which cards a slot sees; a slice that is held has it from its host, by UUID."""
    if gpu is None:
        # Ray hides no card from what asks for none, and the cards of its host are other slots'.
        return {"CUDA_VISIBLE_DEVICES": ""}
    if _held_by(gpu):
        return {}
    # CUDA would number the fastest card 0 otherwise, and the driver goes by the bus.
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return order | {"CUDA_VISIBLE_DEVICES": ",".join(map(str, gpu.cards))}
