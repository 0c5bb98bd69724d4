"""How running nodes change: batch by batch, or all at once where two versions cannot meet.

Nor can two users: the nodes of a host share its copies of the group's secrets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.plan.changes import NodeChange
from adbray_ctl.core.plan.steps import (
    WORKER_ROLES,
    Step,
    by_group,
    drained_of,
    listed,
    roles_of,
)
from adbray_ctl.core.slot.names import user_name
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.group import RayClusterSpec, WorkerGroup
from adbray_ctl.core.spec.impact import Impact, Reach


def batch_size(group: WorkerGroup, running: int) -> int:
    """How many of ``running`` workers may be away at once; a share is rounded down, at least 1."""
    limit = group.max_unavailable
    if isinstance(limit, int):
        return limit
    return max(1, running * int(limit.removesuffix("%")) // 100)


def going_over(stay: list[NodeChange]) -> list[NodeChange]:
    """The nodes that change to another version or user, with those that must wait for it.

    A kept node never comes between: every node of Ray has both among its settings.
    """
    over = [c for c in stay if c.reaches(Reach.VERSION) or c.reaches(Reach.USER)]
    if not any(change.kind is SlotKind.HEAD for change in over):
        # Beside a head that stays, only the nodes of the other version are of no use to it.
        return over
    return [change for change in stay if change.kind is not SlotKind.REDIS or change in over]


def cutover(
    spec: RayClusterSpec, together: list[NodeChange], canary: int, sliced: Collection[str]
) -> Iterator[Step]:
    if not together:
        return
    goal = f"user {user_name(spec.name)}"
    runs = any(change.runs for change in together)
    if any(change.reaches(Reach.VERSION) for change in together):
        goal = f"Ray {spec.ray.version} on Python {spec.ray.python}"
        if runs:
            tried = _tried(together, max(canary, 1))
            yield Step(title=f"try {goal} on {', '.join(tried)}", hosts=tried, trial=True)
    yield Step(
        title=f"{'change to' if runs else 'start'} {goal}: {listed(together)}",
        changes=tuple(together),
        roles=roles_of(together, sliced),
        drain=(*drained_of(together), *_stopped_heads(together)),
    )


def _stopped_heads(together: list[NodeChange]) -> Iterator[str]:
    """Heads whose disks are handed to another user: nothing may run on them then."""
    for change in together:
        if change.kind is SlotKind.HEAD and change.runs and change.reaches(Reach.USER):
            yield change.node


def _tried(together: list[NodeChange], canary: int) -> tuple[str, ...]:
    """The hosts to try a version on: ``canary`` of each worker group, or else the head's."""
    hosts: list[str] = []
    for name, members in by_group(together).items():
        if name is not None:
            hosts += list(dict.fromkeys(change.host for change in members))[:canary]
    return tuple(dict.fromkeys(hosts)) or (together[0].host,)


def rolls(change: NodeChange) -> bool:
    """Whether a running worker is taken away that could stay as well until its turn comes."""
    if change.kind is not SlotKind.WORKER or change.action is not Impact.RESTART:
        return False
    # One whose head has moved has lost it already: waiting would only keep it useless.
    moved = change.reaches(Reach.HEAD_ADDRESS)
    return not moved and not change.recuts


def batches(
    spec: RayClusterSpec, topology: Topology, rolling: list[NodeChange], canary: int
) -> Iterator[Step]:
    groups = {group.name: group for group in spec.worker_groups}
    order = {p.slot: position for position, p in enumerate(topology.placements)}
    for name, unordered in by_group(rolling).items():
        members = sorted(unordered, key=lambda change: order[change.node])
        size = batch_size(groups[name or ""], len(members))
        first = members[: min(canary, size)] if canary else []
        rest = members[len(first) :]
        batches = [first] if first else []
        batches += [rest[start : start + size] for start in range(0, len(rest), size)]
        for number, batch in enumerate(batches, start=1):
            which = "canary" if batch is first else f"batch {number} of {len(batches)}"
            yield Step(
                title=f"restart {listed(batch)} ({name}, {which})",
                changes=tuple(batch),
                roles=WORKER_ROLES,
                drain=drained_of(batch),
                worker_group=name,
                canary=batch is first and len(batches) > 1,
            )
