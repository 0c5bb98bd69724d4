"""The Ansible inventory of one group, as data: hosts, groups and the roles' variables.

Variables carry the control side's *paths* of secrets, never their values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.record import ExternalRedis, SlotKind, SlotRecord, revision_of
from adbray_ctl.core.spec import Fleet, RayClusterSpec, RedisMode, Ssh
from adbray_ctl.core.topology import Placement, Topology

# Ray's own default share of a node's memory for the object store
# (ray._private.ray_constants.DEFAULT_OBJECT_STORE_MEMORY_PROPORTION).
OBJECT_STORE_SHARE = 0.3
# The ACL user of a managed Redis.
REDIS_USER = "ray"


class Site(BaseModel):
    """Where the control side keeps things, as absolute paths."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    known_hosts: str
    token_file: str
    redis_password_file: str
    wheel_cache: str


class Inventory(BaseModel):
    """``groups`` lists hosts by Ansible group; ``all_vars`` and ``host_vars`` are the variables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: dict[str, tuple[str, ...]]
    all_vars: dict[str, Any]
    host_vars: dict[str, dict[str, Any]]


def build_inventory(
    *, fleet: Fleet, spec: RayClusterSpec, topology: Topology, namespace: str, site: Site
) -> Inventory:
    """Everything `playbooks/site.yml` needs to make ``topology`` real."""
    hosts = {
        host: _connection(fleet, host, site) | _host_vars(spec, topology, namespace, host)
        for host in topology.hosts
    }
    return Inventory(
        groups=_groups(topology),
        all_vars=_all_vars(spec, topology, namespace, site),
        host_vars=hosts,
    )


def build_removal_inventory(
    *, fleet: Fleet, group: str, hosts: tuple[str, ...], site: Site
) -> Inventory:
    """What `playbooks/delete.yml` needs to remove ``group`` from ``hosts``; it needs no spec."""
    return Inventory(
        groups={"adbray_hosts": hosts},
        all_vars={
            "host_base_group": group,
            "redis_group": group,
            "worker_disk_group": group,
            "ray_head_group": group,
            "ray_worker_group": group,
        },
        host_vars={host: _connection(fleet, host, site) for host in hosts},
    )


def slot_records(
    spec: RayClusterSpec, topology: Topology, namespace: str
) -> Mapping[str, SlotRecord]:
    """The record of every slot, by slot name, as `/etc/adbray/<group>/<slot>.json` will hold it."""
    return {p.slot: _record(spec, topology, namespace, p) for p in topology.placements}


def runtime_venv(spec: RayClusterSpec) -> str:
    """The venv's path on the hosts: one per Ray, Python and set of extra packages."""
    name = f"ray-{spec.ray.version}-py{spec.ray.python}"
    if spec.ray.packages:
        packages = "\n".join(sorted(spec.ray.packages))
        name += f"-{hashlib.sha256(packages.encode()).hexdigest()[:8]}"
    return f"/opt/adbray/{name}"


def _groups(topology: Topology) -> dict[str, tuple[str, ...]]:
    workers = tuple(dict.fromkeys(p.host for p in topology.workers))
    redis = (topology.redis.host,) if topology.redis else ()
    return {
        "adbray_hosts": topology.hosts,
        "adbray_head": (topology.head.host,),
        "adbray_redis": redis,
        "adbray_workers": workers,
    }


def _all_vars(
    spec: RayClusterSpec, topology: Topology, namespace: str, site: Site
) -> dict[str, Any]:
    venv = runtime_venv(spec)
    head = topology.head
    return {
        "host_base_group": spec.name,
        "ray_runtime_version": spec.ray.version,
        "ray_runtime_python": spec.ray.python,
        "ray_runtime_packages": list(spec.ray.packages),
        "ray_runtime_venv": venv,
        "ray_runtime_cache_dir": site.wheel_cache,
        "worker_disk_group": spec.name,
        **_redis_vars(spec, topology, namespace, site),
        "ray_head_group": spec.name,
        "ray_head_address": head.address,
        "ray_head_venv": venv,
        "ray_head_token_file": site.token_file,
        "ray_head_namespace": namespace,
        "ray_head_redis_address": _redis_address(spec, topology),
        "ray_head_redis_username": spec.redis.username or REDIS_USER,
        "ray_head_redis_password_file": _redis_password_file(spec, site),
        "ray_head_slot": {
            **_slot_vars(spec, head),
            "record": slot_records(spec, topology, namespace)["head"].model_dump(mode="json"),
        },
        "ray_worker_group": spec.name,
        "ray_worker_venv": venv,
        "ray_worker_token_file": site.token_file,
        "ray_worker_head": f"{head.address}:{head.ports['gcs']}",
        "ray_worker_namespace": namespace,
    }


def _redis_vars(
    spec: RayClusterSpec, topology: Topology, namespace: str, site: Site
) -> dict[str, Any]:
    redis = topology.redis
    if redis is None:
        return {}
    record = slot_records(spec, topology, namespace)["redis"]
    return {
        "redis_group": spec.name,
        "redis_namespace": namespace,
        "redis_bind": redis.address,
        "redis_port": redis.ports["redis"],
        "redis_username": REDIS_USER,
        "redis_password_file": site.redis_password_file,
        "redis_maxmemory_mb": spec.redis.maxmemory_mb,
        "redis_record": record.model_dump(mode="json"),
    }


def _redis_address(spec: RayClusterSpec, topology: Topology) -> str:
    if spec.redis.mode is RedisMode.EXTERNAL and spec.redis.url:
        return spec.redis.url
    redis = topology.redis
    return f"{redis.address}:{redis.ports['redis']}" if redis else ""


def _external_redis(spec: RayClusterSpec) -> ExternalRedis | None:
    if spec.redis.mode is not RedisMode.EXTERNAL or not spec.redis.url:
        return None
    return ExternalRedis(url=spec.redis.url, username=spec.redis.username or REDIS_USER)


def _redis_password_file(spec: RayClusterSpec, site: Site) -> str:
    if spec.redis.mode is RedisMode.EXTERNAL:
        return spec.redis.password_file or ""
    return site.redis_password_file if spec.redis.mode is RedisMode.MANAGED else ""


def _host_vars(
    spec: RayClusterSpec, topology: Topology, namespace: str, host: str
) -> dict[str, Any]:
    here = topology.on(host)
    records = slot_records(spec, topology, namespace)
    workers = [p for p in here if p.kind is SlotKind.WORKER]
    return {
        "ray_worker_address": here[0].address,
        "worker_disk_slots": [
            {"name": p.slot, "size_gb": p.disk_gb} for p in here if p.kind is not SlotKind.REDIS
        ],
        "ray_worker_slots": [
            {
                **_slot_vars(spec, p),
                "record": records[p.slot].model_dump(mode="json"),
            }
            for p in workers
        ],
    }


def _slot_vars(spec: RayClusterSpec, placement: Placement) -> dict[str, Any]:
    """A slot as its role takes it, without the record (whose revision is a hash of this)."""
    slot: dict[str, Any] = {
        "name": placement.slot,
        "cpus": placement.cpus,
        "memory_mb": placement.memory_mb,
        "object_store_mb": int(placement.memory_mb * OBJECT_STORE_SHARE),
        "ports": dict(placement.ports),
        "labels": {},
        "env": {},
    }
    if placement.kind is not SlotKind.WORKER:
        return slot
    group = next(g for g in spec.worker_groups if g.name == placement.worker_group)
    if group.object_store_gb is not None:
        slot["object_store_mb"] = int(group.object_store_gb * 1024)
    env = dict(group.env)
    labels = dict(group.labels)
    gpus = 0
    if placement.gpu is not None:
        gpus = placement.gpu.ray_gpus
        env["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, placement.gpu.cards))
        if placement.gpu.slices > 1:
            # A label's value may not hold a slash, so 1/3 is written 1-3.
            labels["adbray.io/gpu-unit"] = f"1-{placement.gpu.slices}"
    return slot | {
        "worker_group": group.name,
        "state": "started" if placement.started else "prepared",
        "gpus": gpus,
        "labels": labels,
        "env": env,
    }


def _record(
    spec: RayClusterSpec, topology: Topology, namespace: str, placement: Placement
) -> SlotRecord:
    applied = _slot_vars(spec, placement)
    # min_workers decides what runs, not what a slot is: changing it must not look like a change.
    applied.pop("state", None)
    applied |= {"venv": runtime_venv(spec), "namespace": namespace}
    applied |= {"redis": _redis_address(spec, topology), "disk_gb": placement.disk_gb}
    return SlotRecord(
        group=spec.name,
        slot=placement.slot,
        kind=placement.kind,
        address=placement.address,
        worker_group=placement.worker_group,
        index=placement.index,
        size=placement.size,
        cpus=placement.cpus,
        memory_mb=placement.memory_mb,
        disk_gb=placement.disk_gb,
        gpu=placement.gpu,
        block=placement.block,
        ports=placement.ports,
        namespace=namespace,
        venv="" if placement.kind is SlotKind.REDIS else runtime_venv(spec),
        external_redis=_external_redis(spec) if placement.kind is SlotKind.HEAD else None,
        revision=revision_of(applied),
    )


def _connection(fleet: Fleet, name: str, site: Site) -> dict[str, Any]:
    host = fleet.host(name)
    ssh = fleet.ssh_for(host)
    trust = f"-o UserKnownHostsFile={_quoted(site.known_hosts)} -o StrictHostKeyChecking=yes"
    arguments = f"{trust} -o IdentitiesOnly={'yes' if ssh.identity_file else 'no'}"
    if ssh.jump is not None:
        arguments += f" -o ProxyCommand={_quoted(_jump_command(ssh, trust))}"
    connection: dict[str, Any] = {
        "ansible_host": host.address,
        "ansible_user": ssh.user,
        "ansible_port": ssh.port,
        "ansible_ssh_common_args": arguments,
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_become": ssh.user != "root",
    }
    if ssh.identity_file:
        connection["ansible_ssh_private_key_file"] = ssh.identity_file
    return connection


def _jump_command(ssh: Ssh, trust: str) -> str:
    # ProxyJump would not hand our known_hosts and key to the inner ssh, so it is spelt out.
    jump = ssh.jump
    assert jump is not None
    identity = jump.identity_file or ssh.identity_file
    key = f" -i {_quoted(identity)} -o IdentitiesOnly=yes" if identity else ""
    return f"ssh {trust}{key} -W [%h]:%p -p {jump.port} {jump.user}@{jump.address}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'" if " " in text or "'" in text else text
