"""What a slot is made of: its record, with every setting.

A record's ``settings`` say which fields of the spec the slot was made of, so that any operator can
tell from the hosts alone what a new spec changes, field by field.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from adbray_ctl.core.desired.autoscaler import AutoscalingConfig, scaling_settings
from adbray_ctl.core.desired.grafana import panels
from adbray_ctl.core.desired.runtime import runtime_venv
from adbray_ctl.core.desired.slots import REDIS_USER, redis_address
from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.slot.names import unit_name, user_name
from adbray_ctl.core.slot.record import ExternalRedis, SlotKind, SlotRecord, revision_of
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.gpu import GPU
from adbray_ctl.core.spec.group import RayClusterSpec, WorkerGroup
from adbray_ctl.core.spec.impact import settings_of
from adbray_ctl.core.spec.redis import RedisMode
from adbray_ctl.core.spec.settings import (
    GPU_SHARE,
    HEAD_ADDRESS,
    HOST_ADDRESS,
    HOST_RESERVE,
    NAMESPACE,
    PANELS,
    PORTS,
    REDIS_ADDRESS,
    SENTINELS,
    USER,
    without_sizes,
)
from adbray_ctl.core.spec.sizes import Catalog


def slot_records(
    fleet: Fleet,
    spec: RayClusterSpec,
    topology: Topology,
    namespace: str,
    autoscaling: AutoscalingConfig,
) -> dict[str, SlotRecord]:
    """The record of every slot, by slot name, as `/etc/adbray/<group>/<slot>.json` will hold it."""
    catalog = Catalog(fleet.sizes)
    # What many slots share is worked out once: a group may have thousands of them.
    shared = _shared(fleet, spec, topology, namespace)
    kinds = _kinds(spec, topology, namespace, autoscaling)
    hosts = {host: host_settings(fleet, host) for host in topology.hosts}
    records = {}
    for p in topology.placements:
        settings = shared[p.kind, p.worker_group] | _own_settings(catalog, p)
        records[p.slot] = _record(p, settings, hosts[p.host], kinds[p.kind])
    return records


def host_settings(fleet: Fleet, host: str) -> dict[str, JsonValue]:
    """What a host is told for all its slots, of whichever groups."""
    gpu = fleet.gpu_of(host)
    driver = {f"{GPU}{name}": value for name, value in gpu.model_dump().items()} if gpu else {}
    reserve = fleet.reserved_on(fleet.host(host)).memory_gb
    return _plain({HOST_RESERVE: reserve, **fleet.kept_logs.settings, **driver})


def _shared(
    fleet: Fleet, spec: RayClusterSpec, topology: Topology, namespace: str
) -> dict[tuple[SlotKind, str | None], dict[str, JsonValue]]:
    """What all slots of a kind and worker group are made of."""
    shared: dict[tuple[SlotKind, str | None], dict[str, JsonValue]] = {
        (kind, None): _shared_settings(spec, topology, namespace, kind) for kind in SlotKind
    }
    for group in spec.worker_groups:
        common = shared[SlotKind.WORKER, None]
        shared[SlotKind.WORKER, group.name] = common | _group_settings(group)
    if found := panels(fleet):
        # Of fleets that have it alone: other heads are made of nothing more.
        shared[SlotKind.HEAD, None] |= {PANELS: list(found.values())}
    return shared


def _shared_settings(
    spec: RayClusterSpec, topology: Topology, namespace: str, kind: SlotKind
) -> dict[str, JsonValue]:
    """What all slots of ``kind`` are made of."""
    settings = dict(settings_of(spec, kind)) | {NAMESPACE: namespace, USER: user_name(spec.name)}
    if kind is SlotKind.HEAD:
        settings[REDIS_ADDRESS] = redis_address(spec, topology)
    if kind is SlotKind.REDIS and spec.redis_mode is RedisMode.SENTINEL:
        settings[SENTINELS] = redis_address(spec, topology)
    if kind is SlotKind.WORKER:
        settings[HEAD_ADDRESS] = topology.head_address
    return _plain(settings)


def _group_settings(group: WorkerGroup) -> dict[str, JsonValue]:
    """What all workers of ``group`` are made of."""
    settings = dict(settings_of(group, SlotKind.WORKER, f"worker_groups.{group.name}."))
    # Users put secrets there, which a record, a plan and the history must not repeat.
    if group.isolation is None:
        # Of slices alone: a group without any is made of nothing more.
        settings.pop(f"worker_groups.{group.name}.isolation")
    digests = {k: hashlib.sha256(v.encode()).hexdigest()[:8] for k, v in group.env.items()}
    return _plain(settings | {f"worker_groups.{group.name}.env": digests})


def _own_settings(catalog: Catalog, p: Placement) -> dict[str, JsonValue]:
    """What placement decided for this slot alone."""
    settings: dict[str, Any] = {HOST_ADDRESS: p.address, PORTS: p.ports}
    if p.size is not None:
        size = catalog[p.size]
        settings[f"sizes.{p.size}"] = {"cpus": size.cpus, "memory_gb": size.memory_gb}
    if p.gpu is not None:
        settings[GPU_SHARE] = p.gpu.settings
    return settings | p.disk.settings


def _plain(settings: dict[str, Any]) -> dict[str, JsonValue]:
    plain: dict[str, JsonValue] = to_jsonable_python(settings)
    return plain


class _Kind(NamedTuple):
    """What the records of all slots of a kind have in common, their settings aside."""

    group: str
    namespace: str
    scaling: dict[str, JsonValue]
    venv: str = ""
    virtual_ip: str | None = None
    external_redis: ExternalRedis | None = None


def _kinds(
    spec: RayClusterSpec, topology: Topology, namespace: str, autoscaling: AutoscalingConfig
) -> Mapping[SlotKind, _Kind]:
    venv = runtime_venv(spec)
    redis = _Kind(group=spec.name, namespace=namespace, scaling={})
    worker = redis._replace(venv=venv)
    head = worker._replace(
        scaling=scaling_settings(spec, autoscaling),
        virtual_ip=topology.virtual_ip,
        external_redis=_external_redis(spec),
    )
    return {SlotKind.HEAD: head, SlotKind.REDIS: redis, SlotKind.WORKER: worker}


def _record(
    p: Placement, settings: dict[str, JsonValue], of_host: dict[str, JsonValue], kind: _Kind
) -> SlotRecord:
    return SlotRecord(
        group=kind.group,
        slot=p.slot,
        kind=p.kind,
        address=kind.virtual_ip or p.address,
        worker_group=p.worker_group,
        index=p.index,
        size=p.size,
        cpus=p.cpus,
        memory_mb=p.memory_mb,
        disk_gb=p.disk_gb,
        disk=p.disk,
        gpu=p.gpu,
        block=p.block,
        ports=p.ports,
        namespace=kind.namespace,
        venv=kind.venv,
        external_redis=kind.external_redis,
        settings=settings,
        scaling=kind.scaling,
        host_settings=of_host,
        unit=unit_name(p.kind, kind.group, p.slot),
        # Ray has it as a label of the node: what changes in use must not be part of it.
        revision=revision_of(without_sizes(settings)),
    )


def _external_redis(spec: RayClusterSpec) -> ExternalRedis | None:
    if spec.redis_mode is not RedisMode.EXTERNAL or not spec.redis.url:
        return None
    return ExternalRedis(url=spec.redis.url, username=spec.redis.username or REDIS_USER)
