"""The variables of one host of a group."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.desired.desired import Desired
from adbray_ctl.core.placement.topology import Placement
from adbray_ctl.core.placement.wanted import SENTINEL_MB
from adbray_ctl.core.slot.names import disk_name
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.fleet import Fleet


def host_vars(desired: Desired, here: list[Placement], gate_file: str) -> dict[str, Any]:
    """What ``desired`` says of the host of the slots ``here``; the head starts its workers there.

    ``gate_file`` has the public key that the head does it by.
    """
    workers = [p.slot for p in here if p.kind is SlotKind.WORKER]
    slices = [desired.slices[slot] for slot in workers if slot in desired.slices]
    return {
        "host_base_gate_file": gate_file if workers else "",
        "ray_runtime_address": here[0].address,
        "ray_worker_address": here[0].address,
        "worker_disk_slots": [_disk_vars(p) for p in here if p.kind is not SlotKind.REDIS],
        "gpu_share_slots": [one.model_dump() for one in slices],
        "ray_worker_slots": [
            desired.workers[slot].model_dump() | {"record": _record(desired, slot)}
            for slot in workers
        ],
        **_head_vars(desired, here),
        **_own_redis_vars(desired, here),
    }


def gpu_vars(fleet: Fleet, host: str) -> dict[str, Any]:
    gpu = fleet.gpu_of(host)
    if gpu is None:
        return {}
    found: dict[str, Any] = {
        "gpu_driver": str(gpu.driver),
        "gpu_branch": gpu.branch or "",
        "gpu_cuda": list(gpu.cuda),
    }
    if gpu.runfile is not None:
        found |= {
            "gpu_runfile_url": gpu.runfile.url,
            "gpu_runfile_sha256": gpu.runfile.sha256,
            "gpu_runfile_version": gpu.runfile.version,
        }
    return found


def reserved_mb(fleet: Fleet, host: str) -> int:
    return int(fleet.reserved_on(fleet.host(host)).memory_gb * 1024)


def _disk_vars(placement: Placement) -> dict[str, Any]:
    disk = placement.disk
    found: dict[str, Any] = {
        "name": disk_name(placement.kind, placement.slot),
        "size_gb": placement.disk_gb,
        "path": disk.data.path,
        "backend": str(disk.data.backend),
    }
    if disk.spill is not None:
        found |= {"spill_path": disk.spill.path, "spill_backend": str(disk.spill.backend)}
    return found


def _record(desired: Desired, slot: str) -> dict[str, Any]:
    return desired.records[slot].model_dump(mode="json")


def _head_vars(desired: Desired, here: list[Placement]) -> dict[str, Any]:
    """Of a host that runs the head, or may take it over."""
    head = next((p for p in here if p.kind is SlotKind.HEAD), None)
    if head is None:
        return {}
    slot = desired.heads[head.slot].model_dump()
    return {
        "ray_head_host": head.host,
        "ray_head_host_address": head.address,
        "ray_head_slot": slot | {"record": _record(desired, head.slot)},
    }


def _own_redis_vars(desired: Desired, here: list[Placement]) -> dict[str, Any]:
    """Of a host that carries a Redis of the group's own."""
    redis = next((p for p in here if p.kind is SlotKind.REDIS), None)
    if redis is None:
        return {}
    sentinel = "sentinel" in redis.ports
    return {
        "redis_bind": redis.address,
        "redis_port": redis.ports["redis"],
        "redis_memory_mb": redis.memory_mb - (SENTINEL_MB if sentinel else 0),
        "redis_sentinel_memory_mb": SENTINEL_MB,
        "redis_record": _record(desired, redis.slot),
        "redis_exporter_bind": redis.address,
        "redis_exporter_port": redis.ports["exporter"],
    }
