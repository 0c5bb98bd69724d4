"""The part of the inventory about a group's Redis."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.desired.desired import Desired
from adbray_ctl.core.desired.slots import REDIS_USER
from adbray_ctl.core.inventory.site import Site
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.redis import RedisMode


def redis_vars(spec: RayClusterSpec, desired: Desired, site: Site) -> dict[str, Any]:
    topology = desired.topology
    if not topology.redis:
        return {}
    members = topology.redis if spec.redis_mode is RedisMode.SENTINEL else ()
    return {
        "redis_group": spec.name,
        "redis_namespace": desired.namespace,
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


def redis_password_file(spec: RayClusterSpec, site: Site) -> str:
    if spec.redis_mode is RedisMode.EXTERNAL:
        return spec.redis.password_file or ""
    return site.redis_password_file if spec.redis_is_own else ""


def redis_ca_file(spec: RayClusterSpec, site: Site) -> str:
    if spec.redis_mode is RedisMode.EXTERNAL:
        return spec.redis.ca_file or ""
    return site.redis_cert_file if spec.redis_is_own else ""
