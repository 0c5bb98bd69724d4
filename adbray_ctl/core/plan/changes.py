"""What happens to each node, why, and what it costs: lost load, interrupted jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayLoad, RayView
from adbray_ctl.core.observed.status import SlotAt, living_nodes
from adbray_ctl.core.observed.units import ObservedSlot
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.slot.settings import HOST_RESERVE, FieldChange
from adbray_ctl.core.spec.gpu import GPU
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.spec.logs import KEPT_LOGS


class _Plan(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
        return self.new or any(field.field.startswith("ray.") for field in self.fields)

    @property
    def tells_host(self) -> bool:
        """Whether something changes that all slots of its host share."""
        return self.tells_gpu or any(
            field.field == HOST_RESERVE or field.field.startswith(KEPT_LOGS)
            for field in self.fields
        )

    @property
    def tells_gpu(self) -> bool:
        """Whether another driver, or more beside it, is wanted of its host."""
        return any(field.field.startswith(GPU) for field in self.fields)

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
