"""The whole plan of one group, from spec, topology and observation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.desired.desired import Desired
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.plan.changes import JobHit, NodeChange, job_hits
from adbray_ctl.core.plan.comparison import node_changes
from adbray_ctl.core.plan.hosts import HostBoot, HostWork, SilentHost, host_work, silent_hosts
from adbray_ctl.core.plan.monitoring import monitoring_steps
from adbray_ctl.core.plan.order import steps_of
from adbray_ctl.core.plan.runtime import runtime_steps
from adbray_ctl.core.plan.steps import Step
from adbray_ctl.core.slot.gpu import in_words
from adbray_ctl.core.slot.record import revision_of
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact


class _Plan(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


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


def make_plan(
    fleet: Fleet,
    spec: RayClusterSpec,
    desired: Desired,
    observed: Observed,
    canary: int = 0,
    restart: Collection[str] = (),
) -> ChangePlan:
    """Pure: the same input gives the same plan. ``canary`` workers of each group are changed first.

    Nodes in ``restart`` that run are restarted even where nothing differs.
    """
    hosts = host_work(fleet, spec.name, desired.topology.hosts, observed)
    changes = node_changes(
        desired, observed, restart=restart, retired=fleet.retired, boots=hosts.boots
    )
    return ChangePlan(
        group=spec.name,
        changes=changes,
        steps=_steps(spec, desired, observed, changes, hosts, canary),
        jobs=job_hits(changes, observed, spec.name),
        blind=_blind(spec.name, observed),
        silent=silent_hosts(fleet, observed),
        boots=hosts.boots,
        base=base_of(spec.name, observed, changes),
        units=unit_lines(desired.topology),
        namespace=desired.namespace,
        inputs=inputs_of(desired),
    )


def _steps(
    spec: RayClusterSpec,
    desired: Desired,
    observed: Observed,
    changes: tuple[NodeChange, ...],
    hosts: HostWork,
    canary: int,
) -> tuple[Step, ...]:
    return (
        *steps_of(spec, desired.topology, changes, hosts, canary),
        *runtime_steps(desired, observed),
        *monitoring_steps(desired, observed),
    )


def _blind(group: str, observed: Observed) -> str:
    """Why it is not known which jobs run on a standing group; empty if it is."""
    view = observed.ray(group)
    if view is not None:
        return view.error or ""
    stands = any(record.group == group for _, record in observed.records())
    return "no head answers" if stands else ""


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
    moved = []
    for node in sorted(plan.base.keys() | base.keys()):
        before, now = plan.base.get(node, "absent"), base.get(node, "absent")
        if before != now:
            moved.append(f"{node}: was {before}, is {now}")
    return tuple(moved)


def inputs_of(desired: Desired) -> str:
    """A digest of what the spec asks for: every node's revision and host, and how many run."""
    records, topology = desired.records, desired.topology
    nodes = {p.slot: [p.host, records[p.slot].made_of] for p in topology.placements}
    return revision_of({"nodes": nodes, "scaling": records[topology.head.slot].scaling})


def unit_lines(topology: Topology) -> tuple[str, ...]:
    """One line for each worker group and kind of card that its slices are of."""
    lines = (
        f"{p.worker_group}: {in_words(p.card, p.gpu.slices, p.gpu.isolation)}"
        for p in topology.workers
        if p.gpu is not None and p.gpu.slices > 1
    )
    return tuple(dict.fromkeys(lines))
