"""The settings that records of slots and hosts name, and what a change of each does.

A setting is called by the path of its field in the spec, or as below where it is of no field. Hosts
keep records that other versions wrote, so that a name is all there is of what they were made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import get_origin

from pydantic import BaseModel, JsonValue

from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import (
    CHANGES_USER,
    KEEPS,
    MOVES_HEAD,
    RECUTS,
    REMAKES_DISKS,
    RESTARTS_ALL,
    RESTARTS_HEAD,
    RESTARTS_REDIS,
    TELLS_HEAD,
    Effect,
    Reach,
    effect_of,
    fields,
    model_in,
)

HEAD_ADDRESS = "head address"
"""Of a worker: where its head is."""
GPU_SHARE = "GPU share"
"""Of a worker: which cards it has, and how much of them."""
HOST_ADDRESS = "host address"
PORTS = "ports"
"""Of a slot: those it has on its host."""
HOST_RESERVE = "system_reserved.memory_gb"
"""Of a host: how much of its memory slots cannot have."""
PANELS = "monitoring.grafana.panels_in_ray"
"""Of a head: where the panels of its dashboard come from."""
USER = "user"
"""The Linux user that owns what the group has on hosts, and runs its Ray."""
NAMESPACE = "namespace"
REDIS_ADDRESS = "redis address"
SENTINELS = "Sentinels"
WORKER_HOSTS = "worker hosts"
"""Of a head: the hosts that carry workers."""
SPILL_BACKEND = "disk.spill"

_BESIDE_THE_SPEC: Mapping[str, Effect] = {
    HEAD_ADDRESS: MOVES_HEAD,
    GPU_SHARE: RECUTS,
    HOST_ADDRESS: RESTARTS_ALL,
    PORTS: RESTARTS_ALL,
    NAMESPACE: RESTARTS_ALL,
    USER: CHANGES_USER,
    REDIS_ADDRESS: RESTARTS_HEAD,
    SENTINELS: RESTARTS_REDIS,
    WORKER_HOSTS: TELLS_HEAD,
    SPILL_BACKEND: REMAKES_DISKS,
}


@cache
def effect_of_setting(name: str) -> Effect:
    """What stands on the field called ``name``; of one that this version does not know, nothing."""
    path = name.split(".")
    beside = _BESIDE_THE_SPEC.get(name) or _BESIDE_THE_SPEC.get(path[0])
    return beside or _effect_at(RayClusterSpec, path) or _effect_at(Fleet, path) or KEEPS


def without_sizes(settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """``settings`` but for the sizes of disks, which may change in use."""
    return {
        name: value
        for name, value in settings.items()
        if Reach.DISK_SIZE not in effect_of_setting(name).reach
    }


def _effect_at(model: type[BaseModel], path: Sequence[str]) -> Effect | None:
    """The effect of the field of ``model`` at ``path``, or of the first of those below it."""
    info = model.model_fields.get(path[0])
    if info is None:
        return None
    inner = model_in(info.annotation)
    if inner is None:
        return effect_of(info)
    rest = path[1:]
    if get_origin(info.annotation) is tuple:
        rest = rest[1:]  # A worker group's name, which has no dot.
    elif get_origin(info.annotation) is dict:
        rest = [part for part in rest if part in inner.model_fields]  # A size's, which may have.
    if rest:
        return _effect_at(inner, rest)
    effects = (effect_of(below) for _, below in fields(inner))
    return next((effect for effect in effects if effect is not None), None)
