"""What hosts should hold for one group, computed once; plans compare it, inventories print it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from adbray_ctl.core.desired.autoscaler import AutoscalingConfig, autoscaling_config
from adbray_ctl.core.desired.grafana import head_settings, page_url
from adbray_ctl.core.desired.records import slot_records
from adbray_ctl.core.desired.runtime import Runtime, runtime_of
from adbray_ctl.core.desired.scrapes import GroupMonitoring, monitoring_of
from adbray_ctl.core.desired.slots import (
    CardSlice,
    RaySlot,
    WorkerSlot,
    head_slot,
    redis_address,
    slice_of,
    worker_slot,
)
from adbray_ctl.core.desired.web import web_url
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.slot.record import SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec


class Desired(BaseModel):
    """One group as it should be: where its slots are, and what each host holds for them.

    ``records``, ``heads``, ``workers`` and ``slices`` are by slot. ``aside`` are the workers that
    are not to run, each with the reason. ``redis_address`` is where the head finds its Redis,
    ``monitoring`` what the fleet's Prometheus has of the group. ``web_url`` and ``grafana_url`` are
    where browsers find all pages, and Grafana; empty if there is none.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    topology: Topology
    namespace: str
    aside: dict[str, str]
    records: dict[str, SlotRecord]
    heads: dict[str, RaySlot]
    workers: dict[str, WorkerSlot]
    slices: dict[str, CardSlice]
    redis_address: str
    runtime: Runtime
    autoscaling: AutoscalingConfig
    monitoring: GroupMonitoring | None
    web_url: str
    grafana_url: str


def desired_of(
    fleet: Fleet,
    spec: RayClusterSpec,
    topology: Topology,
    namespace: str,
    aside: Mapping[str, str] | None = None,
) -> Desired:
    """Pure. ``namespace`` is the group's storage namespace, which a standing group keeps."""
    autoscaling = autoscaling_config(fleet, spec, topology)
    groups = {group.name: group for group in spec.worker_groups}
    env = head_settings(fleet, spec.name)
    return Desired(
        topology=topology,
        namespace=namespace,
        aside=dict(aside or {}),
        records=slot_records(fleet, spec, topology, namespace, autoscaling),
        heads={p.slot: head_slot(p, env) for p in topology.heads},
        workers={p.slot: worker_slot(p, groups[p.worker_group or ""]) for p in topology.workers},
        slices={p.slot: found for p in topology.workers if (found := slice_of(p))},
        redis_address=redis_address(spec, topology),
        runtime=runtime_of(spec),
        autoscaling=autoscaling,
        monitoring=monitoring_of(fleet, spec, topology),
        web_url=web_url(fleet),
        grafana_url=page_url(fleet),
    )
