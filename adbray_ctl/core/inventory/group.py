"""The Ansible inventory of one group, as data: hosts, groups and the roles' variables.

Variables carry the control side's *paths* of secrets, never their values.
"""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.desired.desired import Desired
from adbray_ctl.core.desired.slots import REDIS_USER
from adbray_ctl.core.inventory.connection import connection
from adbray_ctl.core.inventory.hosts import gpu_vars, host_vars, reserved_mb
from adbray_ctl.core.inventory.monitoring import (
    grafana_vars,
    measured_vars,
    monitoring_groups,
    monitoring_vars,
    web_vars,
)
from adbray_ctl.core.inventory.redis import redis_ca_file, redis_password_file, redis_vars
from adbray_ctl.core.inventory.site import Inventory, Site
from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.slot.names import user_name
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec


def build_inventory(
    *,
    fleet: Fleet,
    spec: RayClusterSpec,
    desired: Desired,
    site: Site,
    unmonitoring: tuple[str, ...] = (),
    fresh: tuple[str, ...] = (),
) -> Inventory:
    """Everything `playbooks/site.yml` needs to make ``desired`` real.

    ``unmonitoring`` are hosts whose Prometheus still has the group and is to forget it; ``fresh``
    are those that have nothing of the group yet.
    """
    groups = _groups(fleet, desired.topology) | monitoring_groups(desired, unmonitoring)
    groups["adbray_fresh"] = tuple(host for host in desired.topology.hosts if host in fresh)
    return Inventory(
        groups=groups,
        all_vars=_all_vars(fleet, spec, desired, site),
        host_vars=_beside(fleet, desired, site, unmonitoring) | _hosts(fleet, desired, site),
    )


def _beside(
    fleet: Fleet, desired: Desired, site: Site, unmonitoring: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """Of hosts that may have nothing of the group but its monitoring."""
    monitoring = (desired.monitoring.host,) if desired.monitoring else ()
    return {
        host: connection(fleet, host, site.known_hosts) | measured_vars(fleet.monitoring, host, "")
        for host in (*monitoring, *unmonitoring)
    }


def _hosts(fleet: Fleet, desired: Desired, site: Site) -> dict[str, dict[str, Any]]:
    here: dict[str, list[Placement]] = {}
    for placement in desired.topology.placements:
        here.setdefault(placement.host, []).append(placement)
    return {
        host: connection(fleet, host, site.known_hosts)
        | {"host_base_reserved_memory_mb": reserved_mb(fleet, host)}
        | gpu_vars(fleet, host)
        | host_vars(desired, placements, f"{site.slot_key_file}.pub")
        | measured_vars(fleet.monitoring, host, placements[0].address)
        for host, placements in here.items()
    }


def _groups(fleet: Fleet, topology: Topology) -> dict[str, tuple[str, ...]]:
    workers = tuple(dict.fromkeys(p.host for p in topology.workers))
    return {
        "adbray_hosts": topology.hosts,
        "adbray_gpu": tuple(host for host in topology.hosts if fleet.gpu_of(host)),
        "adbray_head": tuple(p.host for p in topology.heads),
        "adbray_redis": tuple(p.host for p in topology.redis),
        "adbray_workers": workers,
    }


def _all_vars(fleet: Fleet, spec: RayClusterSpec, desired: Desired, site: Site) -> dict[str, Any]:
    return {
        "host_base_group": spec.name,
        "host_base_kept_logs_days": fleet.kept_logs.days,
        "host_base_kept_logs_mb": fleet.kept_logs.max_gb * 1024,
        "host_base_program": site.host_program,
        **_runtime_vars(desired, site),
        "worker_disk_group": spec.name,
        "gpu_share_group": spec.name,
        **_user_vars(spec.name),
        **redis_vars(spec, desired, site),
        **_keeper_vars(spec, desired.topology),
        **_head_vars(spec, desired, site),
        **_worker_vars(desired, site),
        **_scaling_vars(desired, site),
        "prometheus_group": spec.name,
        "web_proxy_group": spec.name,
        "grafana_group": spec.name,
        **monitoring_vars(fleet, desired, site.token_file),
        **web_vars(fleet, desired, site.token_file, site.web_dir),
        **grafana_vars(fleet, desired, site.grafana_dir),
    }


def _user_vars(group: str) -> dict[str, Any]:
    """The user of ``group``, for each role that needs it."""
    roles = ("host_base_group", "worker_disk", "gpu_share", "redis_ray", "ray_head", "ray_worker")
    return dict.fromkeys((f"{role}_user" for role in roles), user_name(group))


def _runtime_vars(desired: Desired, site: Site) -> dict[str, Any]:
    topology = desired.topology
    return {
        "ray_runtime_requirements": list(desired.runtime.requirements),
        "ray_runtime_python": desired.runtime.python,
        "ray_runtime_venv": desired.runtime.venv,
        "ray_runtime_cache_dir": site.archive_cache,
        "ray_runtime_peers": sorted({one.address for one in (*topology.heads, *topology.workers)}),
        "ray_runtime_in_ray_dir": site.in_ray_dir,
    }


def _keeper_vars(spec: RayClusterSpec, topology: Topology) -> dict[str, Any]:
    return {
        "ray_head_virtual_ip": topology.virtual_ip or "",
        "ray_head_standby": len(topology.heads) > 1,
        "ray_head_redis_own": spec.redis_is_own,
        "ray_head_hang_s": spec.head.hang_after_s,
        "ray_head_gcs_storage": spec.gcs_storage.value,
    }


def _head_vars(spec: RayClusterSpec, desired: Desired, site: Site) -> dict[str, Any]:
    return {
        "ray_head_group": spec.name,
        "ray_head_address": desired.topology.head_address,
        "ray_head_venv": desired.runtime.venv,
        "ray_head_token_file": site.token_file,
        "ray_head_namespace": desired.namespace,
        "ray_head_redis_address": desired.redis_address,
        "ray_head_redis_username": spec.redis.username or REDIS_USER,
        "ray_head_redis_password_file": redis_password_file(spec, site),
        "ray_head_redis_ca_file": redis_ca_file(spec, site),
    }


def _worker_vars(desired: Desired, site: Site) -> dict[str, Any]:
    topology = desired.topology
    return {
        "ray_worker_group": topology.group,
        "ray_worker_venv": desired.runtime.venv,
        "ray_worker_token_file": site.token_file,
        "ray_worker_slot_key_file": f"{site.slot_key_file}.pub",
        "ray_worker_head": f"{topology.head_address}:{topology.head.ports['gcs']}",
        "ray_worker_namespace": desired.namespace,
    }


def _scaling_vars(desired: Desired, site: Site) -> dict[str, Any]:
    return {
        "ray_head_python": desired.runtime.python,
        "ray_head_provider_dir": site.provider_dir,
        "ray_head_slot_key_file": site.slot_key_file,
        "ray_head_known_hosts_file": site.known_hosts,
        "ray_head_autoscaling": desired.autoscaling.model_dump(mode="json"),
    }
