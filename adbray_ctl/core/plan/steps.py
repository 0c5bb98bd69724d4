"""One step of a plan, and what a step is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pydantic import BaseModel, ConfigDict, Field

from adbray_ctl.core.plan.changes import NodeChange
from adbray_ctl.core.slot.record import NodeAt, Slot, SlotKind
from adbray_ctl.core.spec.impact import Impact

WORKER_ROLES = ("worker_disk", "ray_worker")


class _Plan(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class Step(_Plan):
    """Changes that are made together, by one run of Ansible.

    ``changes`` is what it does to each of its nodes, of which a saved plan has ``members`` alone:
    the nodes with the hosts on which they are changed. ``drain`` are the nodes that
    are stopped first, workers drained before that; ``live`` are those that run all the while;
    ``roles`` is what runs then on ``hosts``.
    ``leaving`` means that the hosts give up the group altogether; ``canary`` that somebody should
    look at the outcome before the next step; ``trial`` that nothing changes, and that the group's
    Ray is tried on ``hosts`` beside what runs there. ``boot`` is why its one host is booted before
    ``roles``, and after the roles ``first``.
    """

    title: str
    changes: tuple[NodeChange, ...] = Field(default=(), exclude=True, repr=False)
    members: tuple[NodeAt, ...] = Field(
        default_factory=lambda data: tuple((c.node, c.host) for c in data["changes"])
    )
    hosts: tuple[str, ...] = Field(
        default_factory=lambda data: tuple(dict.fromkeys(c.host for c in data["changes"]))
    )
    roles: tuple[str, ...] = ()
    drain: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    worker_group: str | None = None
    leaving: bool = False
    canary: bool = False
    trial: bool = False
    boot: str = ""
    first: tuple[str, ...] = ()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Its nodes, each with its kind."""
        return tuple(Slot(change.node, change.kind) for change in self.changes)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of its nodes."""
        return tuple(node for node, _ in self.members)

    @property
    def drained(self) -> tuple[NodeAt, ...]:
        """The nodes that are stopped first, with their hosts."""
        return tuple(member for member in self.members if member[0] in self.drain)


def roles_of(changes: Iterable[NodeChange], sliced: Collection[str] = ()) -> tuple[str, ...]:
    """The roles that make ``changes``, in the order of playbooks/site.yml.

    ``sliced`` are the workers that have a slice of a card from now on.
    """
    changes = tuple(changes)
    kinds = {change.kind for change in changes}
    roles: list[str] = []
    if kinds & {SlotKind.HEAD, SlotKind.WORKER}:
        roles.append("worker_disk")
    if SlotKind.REDIS in kinds:
        roles += ["redis", "redis_exporter"]
    if SlotKind.HEAD in kinds:
        roles.append("ray_head")
    if SlotKind.WORKER in kinds:
        # Of what is removed it is not known any more whether it had one.
        cut = (c.action is Impact.DELETE or c.node in sliced or c.recuts for c in changes)
        roles += ["gpu_share"] if any(cut) else []
        roles.append("ray_worker")
    return tuple(roles)


def drained_of(changes: Iterable[NodeChange]) -> tuple[str, ...]:
    return tuple(c.node for c in changes if c.kind is SlotKind.WORKER and c.runs)


def by_group(changes: Iterable[NodeChange]) -> Mapping[str | None, list[NodeChange]]:
    groups: dict[str | None, list[NodeChange]] = {}
    for change in changes:
        groups.setdefault(change.worker_group, []).append(change)
    return groups


def listed(changes: list[NodeChange]) -> str:
    names = [change.node for change in changes]
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} nodes"
