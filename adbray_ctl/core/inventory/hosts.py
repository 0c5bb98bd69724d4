"""The variables of one host of a group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adbray_ctl.core.desired.slots import slice_vars, slot_vars
from adbray_ctl.core.placement.topology import Placement
from adbray_ctl.core.placement.wanted import SENTINEL_MB
from adbray_ctl.core.slot.names import disk_name
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import WorkerGroup


def host_vars(
    groups: Mapping[str, WorkerGroup],
    head_env: dict[str, str],
    records: Mapping[str, SlotRecord],
    here: list[Placement],
) -> dict[str, Any]:
    workers = [p for p in here if p.kind is SlotKind.WORKER]
    return {
        "ray_worker_address": here[0].address,
        "worker_disk_slots": [_disk_vars(p) for p in here if p.kind is not SlotKind.REDIS],
        "gpu_share_slots": [found for p in workers if (found := slice_vars(p))],
        "ray_worker_slots": [
            {
                **slot_vars(p, groups[p.worker_group or ""]),
                "record": records[p.slot].model_dump(mode="json"),
            }
            for p in workers
        ],
        **_head_vars(head_env, records, here),
        **_own_redis_vars(records, here),
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


def _head_vars(
    env: dict[str, str], records: Mapping[str, SlotRecord], here: list[Placement]
) -> dict[str, Any]:
    """Of a host that runs the head, or may take it over."""
    head = next((p for p in here if p.kind is SlotKind.HEAD), None)
    if head is None:
        return {}
    slot = slot_vars(head, None)
    record = records[head.slot].model_dump(mode="json")
    return {
        "ray_head_host": head.host,
        "ray_head_host_address": head.address,
        "ray_head_slot": slot | {"env": slot["env"] | env, "record": record},
    }


def _own_redis_vars(records: Mapping[str, SlotRecord], here: list[Placement]) -> dict[str, Any]:
    """Of a host that carries a Redis of the group's own."""
    redis = next((p for p in here if p.kind is SlotKind.REDIS), None)
    if redis is None:
        return {}
    sentinel = "sentinel" in redis.ports
    return {
        "redis_bind": redis.address,
        "redis_port": redis.ports["redis"],
        "redis_memory_mb": records[redis.slot].memory_mb - (SENTINEL_MB if sentinel else 0),
        "redis_sentinel_memory_mb": SENTINEL_MB,
        "redis_record": records[redis.slot].model_dump(mode="json"),
        "redis_exporter_bind": redis.address,
        "redis_exporter_port": redis.ports["exporter"],
    }
