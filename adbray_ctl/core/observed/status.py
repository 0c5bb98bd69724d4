"""The state of a group: what should stand, what systemd says, and what Ray says, in one row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.jobs.uploads import UploadRoom
from adbray_ctl.core.observed.disks import full_hosts, full_slot
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.observed.protection import Protection, protection_of
from adbray_ctl.core.observed.ray import RayNode, RayView
from adbray_ctl.core.observed.scaling import SILENT_AFTER_S, ScalingView
from adbray_ctl.core.observed.slots import SlotState, SlotStatus, least_of, state_of, what_lacks
from adbray_ctl.core.observed.units import KeeperState, ObservedSlot, UnitState
from adbray_ctl.core.slot.record import SlotKind, SlotRecord

SLOT_LABEL = "adbray.io/slot"
START_LABEL = "adbray.io/start"
# A slot and the address of its host: one that has moved may be alive in two places.
SlotAt: TypeAlias = tuple[str, str]


class Addresses(BaseModel):
    """Where the group is reached. ``serve`` is None of a head made before groups had such ports.

    ``web`` is for browsers, of ``web_user`` with the password in ``web_password_file`` on the
    control machine.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    dashboard: str
    client: str
    gcs: str
    serve: str | None = None
    redis: str | None = None
    web: str | None = None
    web_user: str | None = None
    web_password_file: str | None = None


class GroupStatus(BaseModel):
    """A group as observed.

    ``ready``: nothing is ``lacking`` of what should run, and no disk that the group writes to is
    full.

    ``complete`` is False while a host that gives no answer may hold a node of the group.
    ``scaling`` is what the autoscaler last told, ``uploads`` what the store takes.
    ``protection`` is None without a head.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    group: str
    ready: bool
    complete: bool = True
    slots: tuple[SlotStatus, ...]
    addresses: Addresses | None
    lacking: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    scaling: ScalingView | None = None
    uploads: UploadRoom | None = None
    protection: Protection | None = None

    def count(self, state: SlotState) -> int:
        return sum(1 for slot in self.slots if slot.state is state)


def group_status(
    group: str, observed: Observed, retired: Collection[str] = frozenset()
) -> GroupStatus:
    """Join the slots on the hosts with systemd's and Ray's word about them.

    Hosts in ``retired`` may be silent: they are named as such.
    """
    records = [(host, r) for host, r in observed.records() if r.group == group]
    records.sort(key=lambda pair: (list(SlotKind).index(pair[1].kind), _natural(pair[1])))
    own = [record for _, record in records]
    view = observed.ray(group)
    slots = _slots(observed, records, view)
    no_room = _no_room(group, observed, slots)
    silent = _silent(observed, view)
    lacking = what_lacks(slots, least_of(own))
    # What no host could show may be a slot of this group, in whichever state.
    unseen = any(one.group in ("", group) for host in observed.hosts for one in host.unseen)
    standbys = {slot.host for slot in slots if slot.state is SlotState.STANDBY}
    missed = [host.host for host in silent if host.host not in retired]
    return GroupStatus(
        group=group,
        ready=not lacking and not unseen and not no_room,
        lacking=lacking,
        slots=slots,
        addresses=addresses_of(own, observed.primary(group)),
        problems=(*no_room, *_problems(silent, retired, view)),
        scaling=view.scaling if view else None,
        uploads=view.uploads if view else None,
        protection=protection_of(records, standbys, missed),
    )


def _slots(
    observed: Observed, records: Sequence[tuple[str, SlotRecord]], view: RayView | None
) -> tuple[SlotStatus, ...]:
    nodes = living_nodes(view.nodes if view else ())
    seen = {
        (host.host, slot.record.group, slot.record.slot): slot
        for host in observed.hosts
        for slot in host.slots
    }
    found = [(host, seen[host, record.group, record.slot]) for host, record in records]
    return tuple(
        _slot(host, slot, observed, nodes).model_copy(update=_disks(slot)) for host, slot in found
    )


def _no_room(group: str, observed: Observed, slots: Sequence[SlotStatus]) -> list[str]:
    found = [f"{slot.slot} on {slot.host}: {slot.disk_full}" for slot in slots if slot.disk_full]
    # Also where a run left something and no record for want of room.
    for name in sorted({slot.host for slot in slots} | set(observed.hosts_with(group))):
        found += full_hosts(observed.host(name))
    return found


def _silent(observed: Observed, view: RayView | None) -> list[HostObservation]:
    """Hosts that give no answer, but for those that scaling put to sleep."""
    scaling = view.scaling if view else None
    asleep = {host.host for host in scaling.asleep} if scaling else set()
    return [host for host in observed.hosts if host.error and host.host not in asleep]


def _problems(
    silent: Sequence[HostObservation], retired: Collection[str], view: RayView | None
) -> Iterator[str]:
    for host in silent:
        yield f"{host.host}: {'retired, and silent: ' if host.host in retired else ''}{host.error}"
    if view is not None and view.error:
        yield f"Ray does not answer on the head: {view.error}"
    if view is not None and view.scaling is not None and view.scaling.age_s > SILENT_AFTER_S:
        yield f"the autoscaler has reported nothing for {view.scaling.age_s:.0f} s"


def _disks(slot: ObservedSlot) -> dict[str, float | str | None]:
    used = max((use.share for use in slot.disks), default=None)
    return {"disk_used": used, "disk_full": full_slot(slot)}


def addresses_of(records: list[SlotRecord], primary: str = "") -> Addresses | None:
    """The group's addresses by its head's record, or None without a head.

    ``primary`` is the Redis that Sentinels chose, where they do.
    """
    heads = [r for r in records if r.kind is SlotKind.HEAD]
    head = min(heads, key=lambda r: r.slot, default=None)
    if head is None:
        return None
    redis = next((r for r in records if r.kind is SlotKind.REDIS), None)
    serve = head.ports.get("serve")
    return Addresses(
        dashboard=f"http://{head.address}:{head.ports['dashboard']}",
        client=f"ray://{head.address}:{head.ports['client']}",
        gcs=f"{head.address}:{head.ports['gcs']}",
        serve=f"http://{head.address}:{serve}" if serve else None,
        redis=primary or (f"{redis.address}:{redis.ports['redis']}" if redis else None),
    )


def _redis_role(record: SlotRecord, observed: Observed) -> str:
    """What a Redis is among those under Sentinel; nothing for any other slot."""
    if "sentinel" not in record.ports:
        return ""
    own = f"{record.address}:{record.ports['redis']}"
    return "primary" if observed.primary(record.group) == own else "replica"


def _slot(
    host: str, slot: ObservedSlot, observed: Observed, nodes: Mapping[SlotAt, RayNode]
) -> SlotStatus:
    record, keeper = slot.record, slot.keeper
    unit = observed.host(host).unit(record.unit)
    waits = keeper is not None and keeper.state is KeeperState.WAITS
    # Ray knows one head, on whichever of the hosts it runs.
    name = str(SlotKind.HEAD) if record.kind is SlotKind.HEAD else record.slot
    node = None if waits else _of_start(nodes.get((name, record.address)), unit)
    state, detail = state_of(record, unit, keeper, slot.wait, joined=node is not None)
    detail = _redis_role(record, observed) if state is SlotState.RUNNING else detail
    return SlotStatus(
        slot=record.slot,
        kind=record.kind,
        worker_group=record.worker_group,
        host=host,
        address=record.address,
        size=record.size,
        cpus=record.cpus,
        memory_mb=record.memory_mb,
        disk_gb=record.disk_gb,
        gpu=record.gpu.text if record.gpu else "",
        state=state,
        detail=detail,
        wait=slot.wait if state is SlotState.STARTING else None,
        ports=record.ports,
        ray_node=node.node_id if node else None,
        revision=record.revision,
        restarts=unit.restarts if unit else 0,
    )


def _of_start(node: RayNode | None, unit: UnitState | None) -> RayNode | None:
    """None too for a node of an earlier start: Ray shows one of before a loss of power for a while.

    A node that an earlier adbray started does not say.
    """
    if node is None or unit is None or not unit.start:
        return node
    return node if node.labels.get(START_LABEL, unit.start) == unit.start else None


def ended_nodes(nodes: Iterable[RayNode]) -> Mapping[SlotAt, float]:
    """When the last node that is no more was started, by the slot it ran in."""
    ended: dict[SlotAt, float] = {}
    for node in nodes:
        slot = node.labels.get(SLOT_LABEL)
        if slot and not node.alive:
            at = (slot, node.address)
            ended[at] = max(ended.get(at, 0.0), node.started_at)
    return ended


def living_nodes(nodes: Iterable[RayNode]) -> Mapping[SlotAt, RayNode]:
    """The living nodes by the slot they run in; of two the younger one."""
    found: dict[SlotAt, RayNode] = {}
    for node in sorted(nodes, key=lambda node: node.started_at):
        if not node.alive:
            continue
        slot = "head" if node.is_head else node.labels.get(SLOT_LABEL)
        if slot:
            found[slot, node.address] = node
    return found


def _natural(record: SlotRecord) -> tuple[str, int]:
    return record.worker_group or "", record.index or 0
