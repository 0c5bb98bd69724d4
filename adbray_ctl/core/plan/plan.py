"""The whole plan of one group, from spec, topology and observation."""

from __future__ import annotations

from collections.abc import Collection

from adbray_ctl.core.desired.records import slot_records
from adbray_ctl.core.desired.scrapes import monitoring_of
from adbray_ctl.core.gpu_lines import unit_lines
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.plan.boots import boots_of, left_over
from adbray_ctl.core.plan.changes import (
    ChangePlan,
    base_of,
    inputs_of,
    job_hits,
    node_changes,
)
from adbray_ctl.core.plan.hosts import SilentHost
from adbray_ctl.core.plan.monitoring import monitoring_steps
from adbray_ctl.core.plan.order import steps_of
from adbray_ctl.core.plan.runtime import runtime_steps
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec


def make_plan(
    fleet: Fleet,
    spec: RayClusterSpec,
    topology: Topology,
    namespace: str,
    observed: Observed,
    canary: int = 0,
    restart: Collection[str] = (),
) -> ChangePlan:
    """Pure: the same input gives the same plan. ``canary`` workers of each group are changed first.

    ``namespace`` is the group's storage namespace, which a standing group keeps.
    """
    records = slot_records(fleet, spec, topology, namespace)
    boots = boots_of(fleet, spec.name, topology.hosts, observed)
    changes = node_changes(
        topology=topology,
        records=records,
        observed=observed,
        restart=restart,
        retired=fleet.retired,
        boots=boots,
    )
    drivers = tuple(host for host in topology.hosts if fleet.gpu_of(host))
    monitoring = monitoring_of(fleet, spec, topology)
    return ChangePlan(
        group=spec.name,
        changes=changes,
        steps=(
            *steps_of(
                spec,
                topology,
                changes,
                canary,
                drivers=drivers,
                left_over=left_over(fleet, topology.hosts, observed),
                boots=boots,
            ),
            *runtime_steps(spec, topology, observed),
            *monitoring_steps(topology, monitoring, observed),
        ),
        jobs=job_hits(changes, observed, spec.name),
        blind=_blind(spec.name, observed),
        silent=tuple(
            SilentHost(host=seen.host, retired=seen.host in fleet.retired, why=seen.error)
            for seen in observed.hosts
            if seen.error
        ),
        boots=boots,
        base=base_of(spec.name, observed, changes),
        units=unit_lines(topology),
        namespace=namespace,
        inputs=inputs_of(records, topology),
    )


def _blind(group: str, observed: Observed) -> str:
    """Why it is not known which jobs run on a standing group; empty if it is."""
    view = observed.ray(group)
    if view is not None:
        return view.error or ""
    stands = any(record.group == group for _, record in observed.records())
    return "no head answers" if stands else ""
