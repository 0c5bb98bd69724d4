"""What happens to each node, why, and what it costs: lost load, interrupted jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayLoad, RayView
from adbray_ctl.core.observed.status import SlotAt, living_nodes
from adbray_ctl.core.observed.units import ObservedSlot
from adbray_ctl.core.plan.fields import FieldChange
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.impact import Impact, Reach


class _Plan(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


class NodeChange(_Plan):
    """One node's fate on one host; a kept node has its reason too.

    A node that moves is deleted on one host and started on another. ``new`` says that this host has
    nothing of it yet, ``runs`` that it has processes now. ``lost`` is what runs on it, ``jobs`` are
    the ids of the running jobs it hits; both are empty unless the action interrupts it.
    """

    node: str
    kind: SlotKind
    worker_group: str | None
    host: str
    action: Impact
    reason: str
    fields: tuple[FieldChange, ...] = ()
    drift: tuple[str, ...] = ()
    new: bool = False
    runs: bool = False
    lost: RayLoad = RayLoad()
    jobs: tuple[str, ...] = ()

    @property
    def wants_software(self) -> bool:
        """Whether its host may lack what it needs: user, directories, Ray."""
        return self.new or self.reaches(Reach.SOFTWARE)

    @property
    def recuts(self) -> bool:
        """Whether a worker's cards, its slice of one, or what holds it there is another one."""
        return self.kind is SlotKind.WORKER and self.reaches(Reach.CARDS)

    def reaches(self, what: Reach) -> bool:
        """Whether one of its fields changes ``what``."""
        return any(what in field.effect.reach for field in self.fields)

    @property
    def interrupts(self) -> bool:
        """Whether something that runs now is ended."""
        return self.runs and self.action.interrupts


class JobHit(_Plan):
    """A running job that the plan interrupts, by the nodes it uses."""

    id: str
    entrypoint: str
    nodes: tuple[str, ...]


def job_hits(changes: Iterable[NodeChange], observed: Observed, group: str) -> tuple[JobHit, ...]:
    """The running jobs that ``changes`` interrupt, in Ray's order."""
    view = observed.ray(group)
    nodes: dict[str, list[str]] = {}
    for change in changes:
        for job in change.jobs:
            nodes.setdefault(job, []).append(change.node)
    return tuple(
        JobHit(id=job.id, entrypoint=job.entrypoint, nodes=tuple(nodes[job.id]))
        for job in (view.jobs if view else ())
        if job.id in nodes
    )


def with_losses(
    change: NodeChange,
    slot: ObservedSlot | None,
    work: Mapping[SlotAt, tuple[RayLoad, tuple[str, ...]]],
) -> NodeChange:
    at = (change.node, slot.record.address if slot else "")
    if not change.interrupts or at not in work:
        return change
    lost, jobs = work[at]
    return change.model_copy(update={"lost": lost, "jobs": jobs})


def work_by_node(view: RayView) -> dict[SlotAt, tuple[RayLoad, tuple[str, ...]]]:
    """What runs on each busy node, and the ids of the jobs there."""
    jobs: dict[str, list[str]] = {}
    for job in view.jobs:
        for node_id in job.nodes:
            jobs.setdefault(node_id, []).append(job.id)
    return {
        at: (view.load.get(node.node_id, RayLoad()), tuple(jobs.get(node.node_id, ())))
        for at, node in living_nodes(view.nodes).items()
        if node.node_id in view.load or node.node_id in jobs
    }
