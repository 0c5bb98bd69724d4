"""What a group wants placed: its slots in order, and what each asks of a host."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.placement.ledger import ResourceRequest
from adbray_ctl.core.slot.names import STANDBY
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec, WorkerGroup
from adbray_ctl.core.spec.hosts import Selector
from adbray_ctl.core.spec.redis import RedisMode
from adbray_ctl.core.spec.sizes import Catalog

# Redis needs room above maxmemory. While the append-only file is rewritten, whatever is written
# meanwhile is there twice: 121 MiB above a full 128 were measured, and 459 above a full 512.
_LEAST_REDIS_ROOM_MB = 256
_REDIS_ROOM_MB = 128
# Of that room, what a Sentinel beside it has; an idle one takes some 10 MiB.
SENTINEL_MB = 64
# How many stand together under Redis Sentinel: the fewest of which a majority outlives one's loss.
REDIS_MEMBERS = 3


class Wanted(BaseModel):
    """A slot to be placed: its place in the group and what it asks of a host.

    ``sentinel`` says that a Redis Sentinel stands beside it.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    slot: str
    kind: SlotKind
    selector: Selector
    request: ResourceRequest
    worker_group: str | None = None
    index: int | None = None
    size: str | None = None
    started: bool = True
    sentinel: bool = False


def redis_memory_mb(maxmemory_mb: int) -> int:
    """What a Redis may take of its host's memory, so that the kernel never has to end it."""
    return maxmemory_mb + max(maxmemory_mb + _REDIS_ROOM_MB, _LEAST_REDIS_ROOM_MB)


def slot_names(fleet: Fleet, spec: RayClusterSpec) -> tuple[str, ...]:
    """Every slot that ``spec`` asks for, in the order of a topology."""
    return tuple(want.slot for want in wanted(fleet, spec))


def wanted(fleet: Fleet, spec: RayClusterSpec, serve: tuple[int, ...] = ()) -> list[Wanted]:
    """The slots of ``spec``, in the order of a topology; ``serve`` are the ports of its Serve."""
    catalog = Catalog(fleet.sizes)
    head = catalog[spec.head.size]
    ports = spec.head.ports
    request = ResourceRequest(
        cpus=head.cpus,
        memory_mb=int(head.memory_gb * 1024),
        disk_gb=spec.head.disk_gb,
        own_ports=(ports.gcs, ports.dashboard, ports.client),
        group_ports=serve,
    )
    names = ("head", *(f"{STANDBY}-{index}" for index in range(spec.head.standby)))
    found = [
        Wanted(
            slot=name,
            kind=SlotKind.HEAD,
            selector=spec.head.hosts,
            size=spec.head.size,
            request=request,
        )
        for name in names
    ]
    found.extend(_redis(spec))
    common = ResourceRequest(group=spec.name, group_ports=serve)
    for group in spec.worker_groups:
        found.extend(_workers(catalog, group, common))
    return found


def _redis(spec: RayClusterSpec) -> Iterable[Wanted]:
    if not spec.redis_is_own:
        return
    several = spec.redis_mode is RedisMode.SENTINEL
    name = str(SlotKind.REDIS)
    request = ResourceRequest(
        memory_mb=redis_memory_mb(spec.redis.maxmemory_mb), only="Redis of this group"
    )
    others = (f"{name}-{index}" for index in range(1, REDIS_MEMBERS)) if several else ()
    for slot in (name, *others):
        yield Wanted(
            slot=slot,
            kind=SlotKind.REDIS,
            selector=spec.redis.hosts,
            request=request,
            sentinel=several,
        )


def _workers(catalog: Catalog, group: WorkerGroup, common: ResourceRequest) -> Iterable[Wanted]:
    size = catalog[group.size]
    own = {
        "cpus": size.cpus,
        "memory_mb": int(size.memory_gb * 1024),
        "disk_gb": group.disk_gb,
        "cards": group.gpu_cards,
        "slices": group.gpu_slices,
        "isolation": group.isolation,
    }
    request = common.model_copy(update=own)
    for index in range(group.max_workers):
        yield Wanted(
            slot=f"{group.name}-{index}",
            kind=SlotKind.WORKER,
            selector=group.hosts,
            request=request,
            worker_group=group.name,
            index=index,
            size=group.size,
            started=index < group.min_workers,
        )
