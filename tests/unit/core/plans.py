"""A group on three hosts, and the plans that lead from it to another spec."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayJob, RayLoad, RayView
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact
from tests.unit.cluster import applied, placed, planned

FLEET: dict[str, Any] = {
    "kind": "Fleet",
    "hosts": [
        {"name": name, "address": f"10.0.0.{number}", "labels": {"zone": name}}
        for number, name in enumerate(("a", "b", "c"), start=1)
    ],
    "sizes": {"tiny": {"cpus": 1, "memory_gb": 1.0}},
    "limits": {"max_workers": 50, "min_workers": 0},
}
SPEC: dict[str, Any] = {
    "kind": "RayCluster",
    "name": "demo",
    "head": {"size": "tiny", "hosts": {"names": ["a"]}},
    "redis": {"hosts": {"names": ["b"]}},
    "worker_groups": [
        {"name": "w", "size": "tiny", "min_workers": 2, "max_workers": 3},
        {"name": "x", "size": "small", "min_workers": 1, "env": {"A": "1", "B": "2"}},
        {"name": "g", "type": "GPU", "size": "small", "min_workers": 1, "hosts": {"names": ["c"]}},
    ],
}


def fleet(**changes: Any) -> Fleet:
    return Fleet.model_validate(FLEET | changes)


def spec(**changes: Any) -> RayClusterSpec:
    return RayClusterSpec.model_validate(SPEC | changes)


def workers(name: str, /, **changes: Any) -> dict[str, Any]:
    groups = [g | (changes if g["name"] == name else {}) for g in SPEC["worker_groups"]]
    return {"worker_groups": groups}


def standing() -> Observed:
    return applied(fleet(), spec(), placed(fleet(), spec()))


def plan(new: RayClusterSpec, observed: Observed | None = None, **changes: Any) -> ChangePlan:
    return planned(fleet(**changes), new, standing() if observed is None else observed)


def names(found: ChangePlan) -> dict[str, Impact]:
    return {c.node: c.action for c in found.changes if c.action is not Impact.KEEP}


RESTART, START, DELETE, UPDATE = Impact.RESTART, Impact.START, Impact.DELETE, Impact.UPDATE


def without(group: dict[str, Any], name: str) -> dict[str, Any]:
    return {"worker_groups": [g for g in group["worker_groups"] if g["name"] != name]}


def with_view(view: RayView) -> Observed:
    hosts = (h.model_copy(update={"ray": (view,)}) if h.ray else h for h in standing().hosts)
    return Observed(hosts=tuple(hosts))


def touched(node: str, **changes: Any) -> Observed:
    """The standing cluster with the slot or the unit of ``node`` changed by other hands."""
    hosts = []
    for host in standing().hosts:
        slots = tuple(_touch(s, node, changes) for s in host.slots)
        unit = next((s.record.unit for s in host.slots if s.record.slot == node), None)
        units = tuple(_touch_unit(u, unit, changes) for u in host.units)
        hosts.append(host.model_copy(update={"slots": slots, "units": units}))
    return Observed(hosts=tuple(hosts))


def _touch(slot: ObservedSlot, node: str, changes: dict[str, Any]) -> ObservedSlot:
    own = {k: v for k, v in changes.items() if k == "drift"}
    return slot.model_copy(update=own) if slot.record.slot == node else slot


def _touch_unit(unit: UnitState, name: str | None, changes: dict[str, Any]) -> UnitState:
    own = {k: v for k, v in changes.items() if k != "drift"}
    return unit.model_copy(update=own) if unit.unit == name else unit


def busy() -> Observed:
    view = standing().ray("demo")
    assert view is not None
    jobs = (
        RayJob(id="j1", entrypoint="python a.py", nodes=("id-head", "id-w-0")),
        RayJob(id="j2", entrypoint="python b.py", nodes=("id-x-0",)),
    )
    load = {"id-w-0": RayLoad(actors=2, tasks=1), "id-x-0": RayLoad(tasks=4)}
    return with_view(view.model_copy(update={"jobs": jobs, "load": load}))
