"""The Ansible inventory of one group, as data: hosts, groups and the roles' variables.

Variables carry the control side's *paths* of secrets, never their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.desired.autoscaler import autoscaling_config
from adbray_ctl.core.desired.grafana import head_settings
from adbray_ctl.core.desired.records import slot_records
from adbray_ctl.core.desired.runtime import requirements, runtime_venv
from adbray_ctl.core.desired.scrapes import monitoring_of
from adbray_ctl.core.desired.slots import REDIS_USER, redis_address, slice_vars, slot_vars
from adbray_ctl.core.inventory.connection import connection
from adbray_ctl.core.inventory.monitoring import (
    grafana_vars,
    measured_vars,
    monitoring_groups,
    monitoring_vars,
    web_vars,
)
from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.placement.wanted import SENTINEL_MB
from adbray_ctl.core.slot.names import disk_name
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec, WorkerGroup
from adbray_ctl.core.spec.redis import RedisMode


class Site(BaseModel):
    """Where the control side keeps things, as absolute paths.

    ``slot_key_file`` is the private key of the group's head, its public half beside it in `.pub`;
    ``provider_dir`` has the autoscaler's provider, ``keeper_dir`` the keeper; both run on the head.
    ``uploads_dir`` has what judges uploads inside Ray.
    ``scripts_dir`` has the scripts that run on hosts, ``web_dir`` what browsers need: one for all
    groups.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    known_hosts: str
    token_file: str
    redis_password_file: str
    redis_admin_password_file: str
    redis_exporter_password_file: str
    redis_cert_file: str
    redis_key_file: str
    slot_key_file: str
    grafana_dir: str
    web_dir: str
    provider_dir: str
    keeper_dir: str
    uploads_dir: str
    scripts_dir: str
    wheel_cache: str


class Inventory(BaseModel):
    """``groups`` lists hosts by Ansible group; ``all_vars`` and ``host_vars`` are the variables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: dict[str, tuple[str, ...]]
    all_vars: dict[str, Any]
    host_vars: dict[str, dict[str, Any]]


def build_inventory(
    *,
    fleet: Fleet,
    spec: RayClusterSpec,
    topology: Topology,
    namespace: str,
    site: Site,
    unmonitoring: tuple[str, ...] = (),
) -> Inventory:
    """Everything `playbooks/site.yml` needs to make ``topology`` real.

    ``unmonitoring`` are hosts whose Prometheus still has the group and is to forget it.
    """
    monitoring = monitoring_of(fleet, spec, topology)
    groups = {group.name: group for group in spec.worker_groups}
    records = slot_records(fleet, spec, topology, namespace)
    here: dict[str, list[Placement]] = {}
    for placement in topology.placements:
        here.setdefault(placement.host, []).append(placement)
    # These may have nothing of the group but its monitoring.
    beside = (monitoring.host if monitoring else "", *unmonitoring)
    return Inventory(
        groups=_groups(fleet, topology) | monitoring_groups(monitoring, unmonitoring),
        all_vars=_all_vars(fleet, spec, topology, records, site)
        | _scaling_vars(fleet, spec, topology, site)
        | {
            "prometheus_group": spec.name,
            "web_proxy_group": spec.name,
            "grafana_group": spec.name,
        }
        | monitoring_vars(fleet, monitoring, site.token_file)
        | web_vars(fleet, monitoring, site.token_file, site.web_dir)
        | grafana_vars(fleet, spec, topology.head.host, site.grafana_dir),
        host_vars={
            host: connection(fleet, host, site.known_hosts)
            | measured_vars(fleet.monitoring, host, "")
            for host in beside
            if host
        }
        | {
            host: connection(fleet, host, site.known_hosts)
            | {"host_base_reserved_memory_mb": _reserved_mb(fleet, host)}
            | _gpu_vars(fleet, host)
            | _host_vars(groups, head_settings(fleet, spec.name), records, placements)
            | measured_vars(fleet.monitoring, host, placements[0].address)
            for host, placements in here.items()
        },
    )


def _groups(fleet: Fleet, topology: Topology) -> dict[str, tuple[str, ...]]:
    workers = tuple(dict.fromkeys(p.host for p in topology.workers))
    return {
        "adbray_hosts": topology.hosts,
        "adbray_gpu": tuple(host for host in topology.hosts if fleet.gpu_of(host)),
        "adbray_head": tuple(p.host for p in topology.heads),
        "adbray_redis": tuple(p.host for p in topology.redis),
        "adbray_workers": workers,
    }


def _all_vars(
    fleet: Fleet,
    spec: RayClusterSpec,
    topology: Topology,
    records: Mapping[str, SlotRecord],
    site: Site,
) -> dict[str, Any]:
    venv = runtime_venv(spec)
    head = topology.head
    namespace = records[head.slot].namespace
    return {
        "host_base_group": spec.name,
        "host_base_kept_logs_days": fleet.kept_logs.days,
        "host_base_kept_logs_mb": fleet.kept_logs.max_gb * 1024,
        "gpu_scripts_dir": site.scripts_dir,
        "ray_runtime_requirements": list(requirements(spec)),
        "ray_runtime_python": spec.ray.python,
        "ray_runtime_venv": venv,
        "ray_runtime_cache_dir": site.wheel_cache,
        "ray_runtime_uploads_dir": site.uploads_dir,
        "ray_runtime_keeper_dir": site.keeper_dir,
        "worker_disk_group": spec.name,
        "gpu_share_group": spec.name,
        **_redis_vars(spec, topology, namespace, site),
        **_keeper_vars(spec, topology, site),
        "ray_head_group": spec.name,
        "ray_head_address": topology.head_address,
        "ray_head_venv": venv,
        "ray_head_token_file": site.token_file,
        "ray_head_namespace": namespace,
        "ray_head_redis_address": redis_address(spec, topology),
        "ray_head_redis_username": spec.redis.username or REDIS_USER,
        "ray_head_redis_password_file": _redis_password_file(spec, site),
        "ray_head_redis_ca_file": _redis_ca_file(spec, site),
        "ray_worker_group": spec.name,
        "ray_worker_venv": venv,
        "ray_worker_token_file": site.token_file,
        "ray_worker_slot_key_file": f"{site.slot_key_file}.pub",
        "ray_worker_head": f"{topology.head_address}:{head.ports['gcs']}",
        "ray_worker_namespace": namespace,
    }


def _keeper_vars(spec: RayClusterSpec, topology: Topology, site: Site) -> dict[str, Any]:
    return {
        "ray_head_virtual_ip": topology.virtual_ip or "",
        "ray_head_standby": len(topology.heads) > 1,
        "ray_head_redis_own": spec.redis_is_own,
        "ray_head_hang_s": spec.head.hang_after_s,
        "ray_head_gcs_storage": spec.gcs_storage.value,
        "ray_head_keeper_dir": site.keeper_dir,
    }


def _scaling_vars(
    fleet: Fleet, spec: RayClusterSpec, topology: Topology, site: Site
) -> dict[str, Any]:
    return {
        "ray_head_python": spec.ray.python,
        "ray_head_provider_dir": site.provider_dir,
        "ray_head_slot_key_file": site.slot_key_file,
        "ray_head_known_hosts_file": site.known_hosts,
        "ray_head_autoscaling": autoscaling_config(fleet, spec, topology),
    }


def _redis_vars(
    spec: RayClusterSpec, topology: Topology, namespace: str, site: Site
) -> dict[str, Any]:
    if not topology.redis:
        return {}
    members = topology.redis if spec.redis_mode is RedisMode.SENTINEL else ()
    return {
        "redis_group": spec.name,
        "redis_namespace": namespace,
        "redis_username": REDIS_USER,
        "redis_password_file": site.redis_password_file,
        "redis_admin_password_file": site.redis_admin_password_file,
        "redis_metrics_password_file": site.redis_exporter_password_file,
        "redis_cert_file": site.redis_cert_file,
        "redis_key_file": site.redis_key_file,
        "redis_maxmemory_mb": spec.redis.maxmemory_mb,
        "redis_members": [
            {
                "address": p.address,
                "port": p.ports["redis"],
                "sentinel_port": p.ports["sentinel"],
            }
            for p in members
        ],
        "redis_exporter_group": spec.name,
        "redis_exporter_password_file": site.redis_exporter_password_file,
    }


def _redis_password_file(spec: RayClusterSpec, site: Site) -> str:
    if spec.redis_mode is RedisMode.EXTERNAL:
        return spec.redis.password_file or ""
    return site.redis_password_file if spec.redis_is_own else ""


def _redis_ca_file(spec: RayClusterSpec, site: Site) -> str:
    if spec.redis_mode is RedisMode.EXTERNAL:
        return spec.redis.ca_file or ""
    return site.redis_cert_file if spec.redis_is_own else ""


def _host_vars(
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


def _gpu_vars(fleet: Fleet, host: str) -> dict[str, Any]:
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


def _reserved_mb(fleet: Fleet, host: str) -> int:
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
