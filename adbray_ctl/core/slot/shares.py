"""What a slot's size comes to: the bounds the kernel holds it to, and what Ray may give away of it.

All memory in MiB. The reasons and what was measured are in docs/adr/0018.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

# Ray's own default share of a node's memory for the object store
# (ray._private.ray_constants.DEFAULT_OBJECT_STORE_MEMORY_PROPORTION).
OBJECT_STORE_SHARE = 0.3
# What Ray's own processes take, with some room: idle, those of Ray 2.60 come to 270 MiB on a worker
# and 770 on a head.
WORKER_OWN_MB = 300
HEAD_OWN_MB = 800
# Of a worker's memory, how much is left when Ray's monitor ends a task: enough to act in before the
# kernel would, which picks by size alone, and no more than that.
_GAP_SHARE = 0.05
_LEAST_GAP_MB = 64
_MOST_GAP_MB = 1024
# What tasks of a size that is hardly larger than Ray itself may still ask for.
_LEAST_FOR_TASKS_MB = 32
# An idle worker has 97 threads, each process of its tasks 23 and the pools of its libraries.
_TASKS = 2048
_TASKS_PER_CPU = 1024
# systemd's bounds of CPUWeight and IOWeight; their default, 100, is what ten cores weigh.
_WEIGHT_PER_CPU = 10
_MOST_WEIGHT = 10_000
# Above its object store, what other programs of a slot find in its /dev/shm at least.
_SHM_ROOM_MB = 64


class Share(BaseModel):
    """A size in words of its unit and of `ray start`.

    ``memory_threshold`` is the part of the slot's memory beyond which Ray ends tasks;
    ``ray_memory_mb`` is what its tasks can ask for, so that nothing is ended while they keep to it.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    cpu_weight: int
    tasks_max: int
    object_store_mb: int
    shm_mb: int
    ray_memory_mb: int
    memory_threshold: float


def head_share(cpus: int, memory_mb: int) -> Share:
    """The share of a head."""
    return _share(cpus, memory_mb, int(memory_mb * OBJECT_STORE_SHARE), HEAD_OWN_MB)


def worker_share(cpus: int, memory_mb: int, object_store_mb: int | None = None) -> Share:
    """The share of a worker; its object store is 30 % of it unless told otherwise."""
    store = int(memory_mb * OBJECT_STORE_SHARE) if object_store_mb is None else object_store_mb
    return _share(cpus, memory_mb, store, WORKER_OWN_MB)


def held_back_mb(memory_mb: int) -> int:
    """What neither tasks nor the object store of a worker of this size can have."""
    return WORKER_OWN_MB + _gap_mb(memory_mb)


def _share(cpus: int, memory_mb: int, store: int, own_mb: int) -> Share:
    return Share(
        cpu_weight=min(max(cpus, 1) * _WEIGHT_PER_CPU, _MOST_WEIGHT),
        tasks_max=_TASKS + _TASKS_PER_CPU * cpus,
        object_store_mb=store,
        shm_mb=max(memory_mb // 2, store + _SHM_ROOM_MB),
        ray_memory_mb=max(memory_mb - store - own_mb - _gap_mb(memory_mb), _LEAST_FOR_TASKS_MB),
        memory_threshold=round(1 - _gap_mb(memory_mb) / memory_mb, 6),
    )


def _gap_mb(memory_mb: int) -> int:
    return min(max(int(memory_mb * _GAP_SHARE), _LEAST_GAP_MB), _MOST_GAP_MB)
