"""The change plan: what is to happen to each node, why, in which order, and what it costs.

Pure: the same spec, topology and observation give the same plan. What a change does to a node is
decided by the settings its record was made of; ``core/spec/impact.py`` says which fields those are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pydantic import BaseModel, ConfigDict, JsonValue

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayLoad, RayView
from adbray_ctl.core.observed.slots import failure
from adbray_ctl.core.observed.status import SlotAt, ended_nodes, living_nodes
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.plan.hosts import HostBoot, SilentHost
from adbray_ctl.core.plan.reasons import Origins
from adbray_ctl.core.plan.starts import set_aside
from adbray_ctl.core.slot.disks import Backend
from adbray_ctl.core.slot.record import NodeAt, SlotKind, SlotRecord, revision_of
from adbray_ctl.core.slot.settings import HOST_RESERVE, FieldChange, differences, grows, in_words
from adbray_ctl.core.spec.gpu import GPU
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.core.spec.logs import KEPT_LOGS, KEPT_LOGS_DEFAULTS

ASKED_FOR = "a restart was asked for"


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


class Step(_Plan):
    """Changes that are made together, by one run of Ansible.

    ``members`` are the nodes with the hosts on which they are changed. ``drain`` are the nodes that
    are stopped first, workers drained before that; ``live`` are those that run all the while;
    ``roles`` is what runs then on ``hosts``.
    ``leaving`` means that the hosts give up the group altogether; ``canary`` that somebody should
    look at the outcome before the next step; ``trial`` that nothing changes, and that the group's
    Ray is tried on ``hosts`` beside what runs there. ``boot`` is why its one host is booted before
    ``roles``, and after the roles ``first``.
    """

    title: str
    members: tuple[NodeAt, ...]
    hosts: tuple[str, ...]
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
    def nodes(self) -> tuple[str, ...]:
        """The names of its nodes."""
        return tuple(node for node, _ in self.members)

    @property
    def drained(self) -> tuple[NodeAt, ...]:
        """The nodes that are stopped first, with their hosts."""
        return tuple(member for member in self.members if member[0] in self.drain)


class ChangePlan(_Plan):
    """What one apply does to one group: ``changes`` worst first, ``steps`` in the order of work.

    ``base`` tells, by node, the state the plan was made for; an apply refuses to carry it out when
    that has moved. ``silent`` are the hosts it goes without, ``boots`` those it boots. ``inputs``
    is a digest of what the spec asks for. ``blind`` says why it is not known what runs there.
    ``units`` is the arithmetic of slices of GPUs.
    """

    group: str
    changes: tuple[NodeChange, ...]
    steps: tuple[Step, ...] = ()
    jobs: tuple[JobHit, ...] = ()
    blind: str = ""
    silent: tuple[SilentHost, ...] = ()
    boots: tuple[HostBoot, ...] = ()
    units: tuple[str, ...] = ()
    base: dict[str, str] = {}
    namespace: str = ""
    inputs: str = ""

    def count(self, action: Impact) -> int:
        return sum(1 for change in self.changes if change.action is action)

    @property
    def is_empty(self) -> bool:
        """Nothing but kept nodes, no host to boot, and no other work."""
        return not (self.boots or self.steps) and all(
            change.action is Impact.KEEP for change in self.changes
        )

    @property
    def interrupted(self) -> tuple[NodeChange, ...]:
        """The changes that end something that runs now."""
        return tuple(change for change in self.changes if change.interrupts)


def node_changes(
    *,
    topology: Topology,
    records: Mapping[str, SlotRecord],
    observed: Observed,
    restart: Collection[str] = (),
    retired: Collection[str] = frozenset(),
    boots: Iterable[HostBoot] = (),
) -> tuple[NodeChange, ...]:
    """Compare the nodes that should stand (``records`` by node) with those that do, worst first.

    Nodes in ``restart`` that run are restarted even where nothing differs, and those on hosts that
    boot. ``retired`` are hosts that give up what stands there.
    """
    view = observed.ray(topology.group) or RayView(group=topology.group)
    work = _work_by_node(view)
    standing = {
        (host.host, slot.record.slot): slot
        for host in observed.hosts
        for slot in host.slots
        if slot.record.group == topology.group
    }
    units = {(h.host, unit.unit): unit for h in observed.hosts for unit in h.units}
    alive, ended = living_nodes(view.nodes), ended_nodes(view.nodes)
    origins = Origins(topology, observed, retired)
    booting = {boot.host: boot.reason for boot in boots}
    aside = set_aside(topology, observed)
    changes: list[NodeChange] = []
    for placement in topology.placements:
        slot = standing.get((placement.host, placement.slot))
        unit = units.get((placement.host, records[placement.slot].unit))
        if slot is not None and unit is not None and unit.runs:
            # A drained raylet ends while its unit stays up, so systemd alone cannot tell.
            at = (placement.slot, slot.record.address)
            # Of a head its keeper takes care.
            left = placement.kind is SlotKind.WORKER and at not in alive
            ended_at = ended.get(at, 0.0) if left else 0.0
            told = ("its Ray node has ended",) if ended_at > unit.started_at > 0 else ()
            if placement.slot in restart:
                told = (*told, ASKED_FOR)
            if told:
                slot = slot.model_copy(update={"drift": (*slot.drift, *told)})
        elif slot is not None and unit is not None and unit.active == "failed":
            slot = slot.model_copy(update={"drift": (*slot.drift, failure(unit))})
        change = _change(placement, records[placement.slot], slot, unit, origins)
        if change.runs and placement.host in booting:
            change = _booted(change, booting[placement.host])
        elif placement.slot in aside:
            change = _set_aside(change, aside[placement.slot])
        changes.append(_with_losses(change, slot, work))
    goals = {p.slot: p.host for p in topology.placements}
    for (host, node), slot in sorted(standing.items()):
        if goals.get(node) != host:
            unit = units.get((host, slot.record.unit))
            reason = origins.of_gone(node, host, goals.get(node))
            changes.append(_with_losses(_departure(host, slot, unit, reason), slot, work))
    return tuple(sorted(changes, key=lambda change: -change.action.rank))


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


def base_of(group: str, observed: Observed, changes: Iterable[NodeChange]) -> dict[str, str]:
    """The state of each standing node in one word: what a plan stands on.

    Load and jobs are left out, since they move all the time and no plan is wrong because of them;
    and whether a worker runs that is kept as it is, since the autoscaler starts and stops those.
    """
    kept = {(c.node, c.host) for c in changes if c.action is Impact.KEEP}
    base = {}
    for host in observed.hosts:
        for slot in host.slots:
            if slot.record.group == group:
                unit = host.unit(slot.record.unit)
                drift = f", {len(slot.drift)} drifted" if slot.drift else ""
                runs = "runs" if unit is not None and unit.runs else "stopped"
                if slot.record.worker_group and (slot.record.slot, host.host) in kept:
                    runs = "kept"
                state = f"{slot.record.made_of} {runs}{drift}"
                base[f"{slot.record.slot}@{host.host}"] = state
    return base


def moved_since(plan: ChangePlan, base: Mapping[str, str]) -> tuple[str, ...]:
    """What differs between the state ``plan`` was made for and ``base``, in words."""
    told = []
    for node in sorted(plan.base.keys() | base.keys()):
        before, now = plan.base.get(node, "absent"), base.get(node, "absent")
        if before != now:
            told.append(f"{node}: was {before}, is {now}")
    return tuple(told)


def inputs_of(records: Mapping[str, SlotRecord], topology: Topology) -> str:
    """A digest of what the spec asks for: every node's revision and host, and how many run."""
    head = records[topology.head.slot]
    nodes = {p.slot: [p.host, records[p.slot].made_of] for p in topology.placements}
    return revision_of({"nodes": nodes, "scaling": head.scaling})


def _change(
    placement: Placement,
    record: SlotRecord,
    slot: ObservedSlot | None,
    unit: UnitState | None,
    origins: Origins,
) -> NodeChange:
    fields: tuple[FieldChange, ...] = ()
    runs = unit is not None and unit.runs
    drift = slot.drift if slot is not None else ()
    # What reaches a running head, or a host, without a restart.
    live = _live(slot.record, record) if slot is not None else ()
    if slot is None:
        drift = ()
        action = Impact.START if placement.started else Impact.UPDATE
        reason = origins.of_new(placement)
        if placement.disk.data.backend is not Backend.LOOP:
            reason += f", disk by {placement.disk.data.backend}: {placement.disk.data.reason}"
        reason += "" if placement.started else ", prepared and not started"
    elif slot.record.made_of != record.made_of:
        changed = tuple(differences(slot.record.all_settings, record.all_settings))
        fields = (*changed, *live)
        action = _remaking(placement, runs=runs)
        told = [in_words(field) for field in fields]
        same = slot.record.revision == record.revision and not drift
        if runs and same and all(grows(field) for field in changed):
            action = Impact.UPDATE
            told.append("the disk grows in use")
        told = told or [f"revision {slot.record.revision} -> {record.revision}"]
        reason = "; ".join([*told, *drift])
    elif live and not drift and (runs or not placement.started):
        fields, action = live, Impact.UPDATE
        reason = "; ".join(in_words(field) for field in live)
    elif drift or (placement.started and not runs):
        fields = live
        stopped = unit is None or (unit.enabled and unit.active != "failed")
        if placement.started and not runs and stopped:
            drift = (*drift, "its unit is stopped")
        action = _remaking(placement, runs=runs)
        reason = f"drift: {'; '.join(drift)}" if drift else "min_workers asks for it"
        reason = ASKED_FOR if drift == (ASKED_FOR,) else reason
    else:
        action, reason = Impact.KEEP, f"revision {record.revision} is applied"
    return NodeChange(
        node=placement.slot,
        kind=placement.kind,
        worker_group=placement.worker_group,
        host=placement.host,
        action=action,
        reason=reason,
        fields=fields,
        drift=drift,
        new=slot is None,
        runs=runs,
    )


def _booted(change: NodeChange, why: str) -> NodeChange:
    told = [f"its host boots: {why}"]
    if change.action is not Impact.KEEP:
        told.append(change.reason)
    return change.model_copy(update={"action": Impact.RESTART, "reason": "; ".join(told)})


def _set_aside(change: NodeChange, why: str) -> NodeChange:
    """The gate on its host starts it no more either, until the card is well."""
    told = [f"set aside: {why}"]
    if change.action is not Impact.KEEP:
        told.append(change.reason)
    action = Impact.STOP if change.runs else change.action
    return change.model_copy(update={"action": action, "reason": "; ".join(told)})


def _live(old: SlotRecord, new: SlotRecord) -> tuple[FieldChange, ...]:
    return tuple(differences(_told(old), _told(new)))


def _told(record: SlotRecord) -> dict[str, JsonValue]:
    return {**record.scaling, **KEPT_LOGS_DEFAULTS, **record.host_settings}


def _remaking(placement: Placement, *, runs: bool) -> Impact:
    """What it takes to bring a node that stands to its record."""
    if runs:
        return Impact.RESTART
    return Impact.START if placement.started else Impact.UPDATE


def _departure(host: str, slot: ObservedSlot, unit: UnitState | None, reason: str) -> NodeChange:
    """A node that should not stand where it does."""
    return NodeChange(
        node=slot.record.slot,
        kind=slot.record.kind,
        worker_group=slot.record.worker_group,
        host=host,
        action=Impact.DELETE,
        reason=reason,
        runs=unit is not None and unit.runs,
    )


def _with_losses(
    change: NodeChange,
    slot: ObservedSlot | None,
    work: Mapping[SlotAt, tuple[RayLoad, tuple[str, ...]]],
) -> NodeChange:
    at = (change.node, slot.record.address if slot else "")
    if not change.interrupts or at not in work:
        return change
    lost, jobs = work[at]
    return change.model_copy(update={"lost": lost, "jobs": jobs})


def _work_by_node(view: RayView) -> dict[SlotAt, tuple[RayLoad, tuple[str, ...]]]:
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
