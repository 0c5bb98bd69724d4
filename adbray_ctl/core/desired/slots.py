"""A slot as the roles take it: its variables, its environment, and where its Redis is."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.slot.gpu import Isolation, thread_percentage
from adbray_ctl.core.slot.record import Gpu
from adbray_ctl.core.slot.shares import head_share, worker_share
from adbray_ctl.core.spec.group import RayClusterSpec, WorkerGroup
from adbray_ctl.core.spec.redis import RedisMode

# The ACL user of a managed Redis.
REDIS_USER = "ray"


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


def slot_vars(placement: Placement, group: WorkerGroup | None) -> dict[str, Any]:
    """A slot as its role takes it, without its record."""
    cpus, memory_mb = placement.cpus, placement.memory_mb
    share = head_share(cpus, memory_mb)
    if group is not None:
        store_gb = group.object_store_gb
        store_mb = None if store_gb is None else int(store_gb * 1024)
        share = worker_share(cpus, memory_mb, store_mb)
    slot: dict[str, Any] = {
        "name": placement.slot,
        "cpus": cpus,
        "memory_mb": memory_mb,
        **share.model_dump(),
        "ports": dict(placement.ports),
        "labels": {},
        "env": _gpu_env(None),
    }
    if group is None:
        return slot
    gpu = placement.gpu
    return slot | {
        "worker_group": group.name,
        "state": "running" if placement.started else "prepared",
        "gpus": gpu.ray_gpus if gpu else 0,
        "gpu_held_by": _held_by(gpu),
        "gpu_card": gpu.cards[0] if gpu else 0,
        "labels": group.labels | _gpu_labels(gpu),
        "env": group.env | _gpu_env(gpu),
    }


def slice_vars(placement: Placement) -> dict[str, Any] | None:
    """A slice of a card as its role takes it; None where nothing on the host has to hold one."""
    gpu = placement.gpu
    if gpu is None or not _held_by(gpu):
        return None
    return {
        "name": placement.slot,
        "card": gpu.cards[0],
        "isolation": _held_by(gpu),
        "percentage": thread_percentage(gpu.slices),
        "memory_mb": gpu.memory_mb,
        "profile": gpu.profile,
        "parts": gpu.slices,
    }


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
