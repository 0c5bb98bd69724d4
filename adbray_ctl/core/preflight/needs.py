"""What one group asks of each host: interpreter, and ports, room and cards of its slots there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.slot.ports import RANGES
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.hosts import Host


class PortNeed(BaseModel):
    """Ports ``first`` to ``last`` (both included) that ``slot`` listens on for one purpose."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    slot: str
    purpose: str
    first: int
    last: int


class HostNeeds(BaseModel):
    """What a host must have for one group.

    ``disk_gb`` (GiB) and ``memory_mb`` (MiB) are those of slots that do not stand there yet, since
    what stands holds its share already. ``placed`` is False when it is not known which slots come
    here: only the interpreter is asked for then.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    group: str
    python: str
    placed: bool = False
    slots: tuple[str, ...] = ()
    ports: tuple[PortNeed, ...] = ()
    disk_gb: int = 0
    memory_mb: int = 0
    cards: int = 0
    redis: bool = False


def group_needs(
    *, spec: RayClusterSpec, topology: Topology, observed: Observed
) -> Mapping[str, HostNeeds]:
    """The needs of ``spec`` placed as ``topology``, by host; hosts without a slot need nothing."""
    standing = {(host, r.slot) for host, r in observed.records() if r.group == spec.name}
    needs = {}
    for host in topology.hosts:
        slots = topology.on(host)
        new = [slot for slot in slots if (host, slot.slot) not in standing]
        cards = {card for slot in slots if slot.gpu for card in slot.gpu.cards}
        needs[host] = HostNeeds(
            group=spec.name,
            python=spec.ray.python,
            placed=True,
            slots=tuple(slot.slot for slot in slots),
            ports=_ports_of(slots),
            disk_gb=sum(slot.disk_gb for slot in new),
            memory_mb=sum(slot.memory_mb for slot in new),
            cards=len(cards),
            redis=any(slot.kind is SlotKind.REDIS for slot in slots),
        )
    return needs


def possible_needs(fleet: Fleet, spec: RayClusterSpec) -> Mapping[str, HostNeeds]:
    """What every host that a slot may come to needs, while it is not known where they come."""
    need = HostNeeds(group=spec.name, python=spec.ray.python)
    return {host.name: need for host in fleet.hosts if _admitted(spec, host)}


def _admitted(spec: RayClusterSpec, host: Host) -> bool:
    selectors = [spec.head.hosts, *(group.hosts for group in spec.worker_groups)]
    if spec.redis_is_own:
        selectors.append(spec.redis.hosts)
    return any(selector.admits(host) for selector in selectors)


def _ports_of(slots: Iterable[Placement]) -> tuple[PortNeed, ...]:
    """Each port once, for the first slot that has it: Serve's are those of several."""
    found: dict[int, PortNeed] = {}
    for slot in slots:
        for need in _ports(slot):
            found.setdefault(need.first, need)
    return tuple(found.values())


def _ports(slot: Placement) -> Iterable[PortNeed]:
    lasts = {first: last for first, last in RANGES if first in slot.ports}
    for purpose, port in slot.ports.items():
        if purpose in lasts:
            last = slot.ports[lasts[purpose]]
            name = purpose.removesuffix("_min")
            yield PortNeed(slot=slot.slot, purpose=name, first=port, last=last)
        elif purpose not in lasts.values():
            yield PortNeed(slot=slot.slot, purpose=purpose, first=port, last=port)
