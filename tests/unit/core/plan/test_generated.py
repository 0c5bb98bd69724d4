"""Rules that hold for any fleet and any two specs: placement, plans, and nothing but our errors.

``ADBRAY_EXAMPLES`` sets how many are generated; `make soak` takes 10,000.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adbray_ctl.core.errors import PlacementError
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.rules.group import check
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact
from tests.unit.cluster import applied, placed, planned

EXAMPLES = int(os.environ.get("ADBRAY_EXAMPLES", "150"))
HOSTS = ("a", "b", "c", "d", "e")

capacity = st.builds(
    Capacity,
    cpus=st.integers(1, 48),
    memory_mb=st.integers(1, 96).map(lambda gib: gib * 1024),
    disk_gb=st.integers(20, 800),
    gpus=st.integers(0, 3),
)
selector: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"names": st.lists(st.sampled_from(HOSTS), min_size=1, unique=True)}),
    st.fixed_dictionaries({"labels": st.fixed_dictionaries({"zone": st.sampled_from("xyz")})}),
)
size = st.sampled_from(("small", "medium", "c.small", "m.small", "tiny", "large"))


@st.composite
def worker_group(draw: st.DrawFn, name: str) -> dict[str, Any]:
    least = draw(st.integers(0, 4))
    group: dict[str, Any] = {
        "name": name,
        "size": draw(size),
        "disk_gb": draw(st.integers(20, 120)),
        "min_workers": least,
        "max_workers": draw(st.integers(max(least, 1), 6)),
        "hosts": draw(selector),
        "max_unavailable": draw(st.sampled_from((1, 2, "50%", "100%"))),
    }
    if draw(st.booleans()):
        group["env"] = {"A": draw(st.sampled_from("12"))}
    if draw(st.integers(0, 3)) == 0:
        group |= {"type": "GPU", "allocation_unit": draw(st.sampled_from((1, 2, "1/2", "1/3")))}
    return group


@st.composite
def cluster_spec(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(("v", "w", "x")), unique=True))
    return {
        "kind": "RayCluster",
        "name": "demo",
        "ray": {"version": draw(st.sampled_from(("2.60.0", "2.59.0")))},
        "head": {"size": draw(size), "disk_gb": 20, "hosts": draw(selector)},
        "redis": draw(st.sampled_from(({"mode": "none"}, {"mode": "managed"}))),
        "worker_groups": [draw(worker_group(name)) for name in names],
    }


@st.composite
def fleets(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Capacity | str]]:
    names = draw(st.lists(st.sampled_from(HOSTS), min_size=1, unique=True))
    hosts = [
        {
            "name": name,
            "address": f"10.0.0.{HOSTS.index(name) + 1}",
            "labels": {"zone": draw(st.sampled_from("xyz"))},
        }
        for name in names
    ]
    fleet = {
        "kind": "Fleet",
        "hosts": hosts,
        "sizes": {"tiny": {"cpus": 1, "memory_gb": 0.5}},
        "limits": {"disk_gb": {"min": 20}, "min_workers": 0, "max_workers": 6},
    }
    return fleet, {name: draw(capacity) for name in names}


def read(fleet: Fleet, text: dict[str, Any]) -> RayClusterSpec | None:
    """The spec, or None if it is refused, as many are."""
    try:
        spec = RayClusterSpec.model_validate(text)
    except ValidationError:
        return None
    return None if check(fleet, spec) else spec


def require_capacity(topology: Topology, rooms: Mapping[str, Capacity | str]) -> None:
    """No host carries more than it has, and no port or card is given away twice."""
    for host in topology.hosts:
        room, here = rooms[host], topology.on(host)
        assert isinstance(room, Capacity)
        assert sum(p.cpus for p in here) <= room.cpus
        assert sum(p.memory_mb for p in here) <= room.memory_mb
        assert sum(p.disk_gb for p in here) <= room.disk_gb
        blocks = [p.block for p in here]
        assert len(set(blocks)) == len(blocks)
        shares = Counter((card, p.gpu.slices) for p in here if p.gpu for card in p.gpu.cards)
        assert all(count <= slices for (_, slices), count in shares.items())
        assert len({card for card, _ in shares}) == len(shares), "one kind of slice on a card"
        assert all(card < room.gpus for card, _ in shares)


def require_order(plan: ChangePlan) -> None:
    """Every change is in exactly one step: deletions in those that remove, all else after them."""
    removing = [step for step in plan.steps if step.title.startswith(("remove ", "leave "))]
    making = [step for step in plan.steps if step not in removing]
    assert (*removing, *making) == plan.steps
    for change in plan.changes:
        steps = removing if change.action is Impact.DELETE else making
        found = sum(1 for s in steps if change.node in s.nodes and change.host in s.hosts)
        assert found == (change.action is not Impact.KEEP), change


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(fleets(), cluster_spec(), cluster_spec())
def test_any_two_specs(
    machines: tuple[dict[str, Any], dict[str, Capacity | str]],
    first: dict[str, Any],
    second: dict[str, Any],
) -> None:
    fleet, rooms = Fleet.model_validate(machines[0]), machines[1]
    before, after = read(fleet, first), read(fleet, second)
    if before is None:
        return
    try:
        topology = placed(fleet, before, capacities=rooms)
    except PlacementError:
        return
    require_capacity(topology, rooms)
    standing = applied(fleet, before, topology)
    require_order(planned(fleet, before, capacities=rooms))
    assert planned(fleet, before, standing, rooms).is_empty
    if after is None:
        return
    try:
        changed = placed(fleet, after, standing, rooms)
    except PlacementError:
        return
    require_capacity(changed, rooms)
    plan = planned(fleet, after, standing, rooms)
    require_order(plan)
    where = {p.slot: p.host for p in topology.placements}
    assert all(where[c.node] == c.host for c in plan.changes if c.action is Impact.KEEP)
    assert planned(fleet, after, applied(fleet, after, changed), rooms).is_empty
