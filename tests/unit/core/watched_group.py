"""A group that Prometheus watches."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.desired.scrapes import GroupMonitoring, monitoring_of
from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from tests.unit.cluster import applied, placed


def fleet(**monitoring: Any) -> Fleet:
    hosts: list[dict[str, Any]] = [
        {"name": name, "address": f"10.0.0.{number}"} for number, name in enumerate("abcm", 1)
    ]
    hosts[2]["power"] = {"wake": ["wake"], "sleep": ["sleep"]}
    hosts[3]["labels"] = {"role": "monitor"}
    found: dict[str, Any] = {"kind": "Fleet", "hosts": hosts}
    return Fleet.model_validate(found | ({"monitoring": monitoring} if monitoring else {}))


def spec(**changes: Any) -> RayClusterSpec:
    on = {"names": ["a", "b", "c"]}
    group = {"name": "w", "size": "small", "min_workers": 1, "max_workers": 3, "hosts": on}
    base = {"kind": "RayCluster", "name": "demo", "head": {"hosts": on}, "redis": {"hosts": on}}
    return RayClusterSpec.model_validate(base | {"worker_groups": [group]} | changes)


def monitored(fleet: Fleet, spec: RayClusterSpec) -> tuple[GroupMonitoring, Topology]:
    topology = placed(fleet, spec)
    found = monitoring_of(fleet, spec, topology)
    assert found is not None
    return found, topology


def watched(fleet: Fleet, spec: RayClusterSpec, **known: str) -> Observed:
    """The group as applied, and the hosts whose Prometheus knows this of it."""
    seen = applied(fleet, spec, placed(fleet, spec))
    hosts = tuple(
        host.model_copy(update={"watched": {spec.name: known[host.host]}})
        if host.host in known
        else host
        for host in seen.hosts
    )
    return Observed(hosts=hosts)


def steps(plan: ChangePlan) -> list[str]:
    return [step.title for step in plan.steps]
