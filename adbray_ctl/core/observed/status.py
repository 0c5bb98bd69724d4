"""The state of a group: what should stand, what systemd says, and what Ray says, in one row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.jobs import UploadRoom
from adbray_ctl.core.observed.disks import full_hosts, full_slot
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.protection import Protection, protection_of
from adbray_ctl.core.observed.ray import RayNode
from adbray_ctl.core.observed.scaling import SILENT_AFTER_S, ScalingView
from adbray_ctl.core.observed.slots import SlotState, SlotStatus, least_of, state_of, what_lacks
from adbray_ctl.core.observed.units import KeeperState, KeeperView, ObservedSlot
from adbray_ctl.core.slot.record import SlotKind, SlotRecord

SLOT_LABEL = "adbray.io/slot"
# A slot and the address of its host: one that has moved may be alive in two places.
SlotAt: TypeAlias = tuple[str, str]


class Addresses(BaseModel):
    """Where the group is reached.

    ``web`` is for browsers, of ``web_user`` with the password in ``web_password_file`` on the
    control machine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dashboard: str
    client: str
    gcs: str
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

    model_config = ConfigDict(frozen=True, extra="forbid")

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

    @property
    def head_runs(self) -> bool:
        """Whether Ray's head runs on one of its hosts."""
        return any(s.kind is SlotKind.HEAD and s.state is SlotState.RUNNING for s in self.slots)

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
    view = observed.ray(group)
    scaling = view.scaling if view else None
    asleep = {host.host for host in scaling.asleep} if scaling else set()
    nodes = living_nodes(view.nodes if view else ())
    seen = {
        (host.host, slot.record.slot): slot
        for host in observed.hosts
        for slot in host.slots
        if slot.record.group == group
    }
    slots = tuple(
        _slot(host, record, observed, nodes, seen[host, record.slot].keeper).model_copy(
            update=_disks(seen[host, record.slot])
        )
        for host, record in records
    )
    no_room = [f"{slot.slot} on {slot.host}: {slot.disk_full}" for slot in slots if slot.disk_full]
    # Also where a run left something and no record for want of room.
    for name in sorted({slot.host for slot in slots} | set(observed.hosts_with(group))):
        no_room += full_hosts(observed.host(name))
    silent = [h for h in observed.hosts if h.error and h.host not in asleep]
    problems = no_room + [
        f"{h.host}: {'retired, and silent: ' if h.host in retired else ''}{h.error}" for h in silent
    ]
    if view is not None and view.error:
        problems.append(f"Ray does not answer on the head: {view.error}")
    if scaling is not None and scaling.age_s > SILENT_AFTER_S:
        problems.append(f"the autoscaler has told nothing for {scaling.age_s:.0f} s")
    lacking = what_lacks(slots, least_of([record for _, record in records]))
    # What no host could show may be a slot of this group, in whichever state.
    unseen = any(one.group in ("", group) for host in observed.hosts for one in host.unseen)
    return GroupStatus(
        group=group,
        ready=not lacking and not unseen and not no_room,
        lacking=lacking,
        slots=slots,
        addresses=addresses_of([record for _, record in records], observed.primary(group)),
        problems=tuple(problems),
        scaling=scaling,
        uploads=view.uploads if view else None,
        protection=protection_of(
            records,
            {slot.host for slot in slots if slot.state is SlotState.STANDBY},
            [one.host for one in silent if one.host not in retired],
        ),
    )


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
    return Addresses(
        dashboard=f"http://{head.address}:{head.ports['dashboard']}",
        client=f"ray://{head.address}:{head.ports['client']}",
        gcs=f"{head.address}:{head.ports['gcs']}",
        redis=primary or (f"{redis.address}:{redis.ports['redis']}" if redis else None),
    )


def _redis_role(record: SlotRecord, observed: Observed) -> str:
    """What a Redis is among those under Sentinel; nothing for any other slot."""
    if "sentinel" not in record.ports:
        return ""
    own = f"{record.address}:{record.ports['redis']}"
    return "primary" if observed.primary(record.group) == own else "replica"


def _slot(
    host: str,
    record: SlotRecord,
    observed: Observed,
    nodes: Mapping[SlotAt, RayNode],
    keeper: KeeperView | None,
) -> SlotStatus:
    unit = observed.host(host).unit(record.unit)
    waits = keeper is not None and keeper.state is KeeperState.WAITS
    # Ray knows one head, on whichever of the hosts it runs.
    name = str(SlotKind.HEAD) if record.kind is SlotKind.HEAD else record.slot
    node = None if waits else nodes.get((name, record.address))
    state, detail = state_of(record, unit, keeper, joined=node is not None)
    if state is SlotState.RUNNING:
        detail = _redis_role(record, observed)
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
        ports=record.ports,
        ray_node=node.node_id if node else None,
        revision=record.revision,
        restarts=unit.restarts if unit else 0,
    )


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
    """The living nodes by the slot they run in."""
    found: dict[SlotAt, RayNode] = {}
    for node in nodes:
        if not node.alive:
            continue
        slot = "head" if node.is_head else node.labels.get(SLOT_LABEL)
        if slot:
            found[slot, node.address] = node
    return found


def _natural(record: SlotRecord) -> tuple[str, int]:
    return record.worker_group or "", record.index or 0
