"""Rules that hold for shares of GPUs on any fleet, whatever is applied after what.

No card is given away more than once, no slice is of two cards, and no card is cut in two ways: not
in the end, and not between the steps of an apply.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adbray_ctl.core.desired.desired import desired_of
from adbray_ctl.core.errors import PlacementError
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.placement.place import place
from adbray_ctl.core.placement.topology import Topology
from adbray_ctl.core.plan.plan import ChangePlan, make_plan
from adbray_ctl.core.rules.group import check
from adbray_ctl.core.slot.gpu import Card, Isolation, mig_profiles, thread_percentage
from adbray_ctl.core.slot.record import Gpu
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact
from tests.unit.cluster import NAMESPACE, applied

# Each is a whole history of applies.
EXAMPLES = int(os.environ.get("ADBRAY_EXAMPLES", "150")) // 3
HOSTS = ("a", "b", "c")
# (host, group, slot) -> share, of everything that stands anywhere.
Shares = dict[tuple[str, str, str], Gpu]

card = st.sampled_from(
    (
        None,
        Card(model="NVIDIA A100-SXM4-80GB", memory_mb=81920),
        Card(model="NVIDIA A30", memory_mb=24576),
        Card(memory_mb=16376),
    )
)
room = st.builds(
    Capacity,
    cpus=st.integers(8, 64),
    memory_mb=st.integers(16, 256).map(lambda gib: gib * 1024),
    disk_gb=st.just(4000),
    gpus=st.integers(0, 4),
    card=card,
)
fleets = st.dictionaries(st.sampled_from(HOSTS), room, min_size=1)


@st.composite
def worker_group(draw: st.DrawFn, name: str) -> dict[str, Any]:
    least = draw(st.integers(0, 3))
    unit = draw(st.sampled_from((1, 2, "1/2", "1/2", "1/3", "1/4", "1/7")))
    held = {"isolation": draw(st.sampled_from(tuple(Isolation)))} if isinstance(unit, str) else {}
    return {
        "name": name,
        "type": "GPU",
        "size": draw(st.sampled_from(("small", "medium"))),
        "disk_gb": 30,
        "allocation_unit": unit,
        "min_workers": least,
        "max_workers": draw(st.integers(max(least, 1), 6)),
        "max_unavailable": draw(st.sampled_from((1, "50%"))),
        **held,
    }


@st.composite
def cluster_spec(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(("v", "w", "x")), unique=True, min_size=1))
    return {
        "kind": "RayCluster",
        "name": draw(st.sampled_from(("demo", "other"))),
        "ray": {"version": draw(st.sampled_from(("2.60.0", "2.60.0", "2.59.0")))},
        "head": {"size": "small", "disk_gb": 30},
        "redis": {"mode": "none"},
        "worker_groups": [draw(worker_group(name)) for name in names],
    }


def fleet_of(rooms: Mapping[str, Capacity]) -> Fleet:
    hosts = [{"name": name, "address": f"10.0.0.{n}"} for n, name in enumerate(sorted(rooms), 1)]
    limits = {"min_workers": 0, "max_workers": 6}
    return Fleet.model_validate({"kind": "Fleet", "hosts": hosts, "limits": limits})


def together(groups: Iterable[Observed], fleet: Fleet) -> Observed:
    """What all groups have on each host, in one observation."""
    return Observed(
        hosts=tuple(
            HostObservation(
                host=host.name,
                slots=tuple(slot for seen in groups for slot in seen.host(host.name).slots),
                units=tuple(unit for seen in groups for unit in seen.host(host.name).units),
                groups=tuple(name for seen in groups for name in seen.host(host.name).groups),
                ray=tuple(ray for seen in groups for ray in seen.host(host.name).ray),
            )
            for host in fleet.hosts
        )
    )


def shares_of(topology: Topology) -> Shares:
    return {(p.host, topology.group, p.slot): p.gpu for p in topology.workers if p.gpu}


def require_sound(shares: Shares, rooms: Mapping[str, Capacity]) -> None:
    on: dict[tuple[str, int], list[Gpu]] = {}
    for (host, _, _), gpu in shares.items():
        assert len(set(gpu.cards)) == len(gpu.cards)
        assert gpu.slices == 1 or len(gpu.cards) == 1, "a slice is of one card"
        for index in gpu.cards:
            on.setdefault((host, index), []).append(gpu)
    for (host, index), here in on.items():
        assert index < rooms[host].gpus
        (cut,) = {(gpu.slices, gpu.isolation, gpu.memory_mb, gpu.profile) for gpu in here}
        assert len(here) <= cut[0], "no more slices than the card is cut into"
        require_held(cut, rooms[host].card)


def require_held(cut: tuple[int, Isolation | None, int, str], card: Card | None) -> None:
    """All slices of a card together are no more than the card."""
    slices, isolation, memory_mb, profile = cut
    assert (isolation is None) == (slices == 1)
    assert bool(memory_mb) == (isolation is Isolation.MPS)
    assert bool(profile) == (isolation is Isolation.MIG)
    if isolation is Isolation.MPS:
        assert card is not None
        assert slices * memory_mb <= card.memory_mb
        assert slices * thread_percentage(slices) <= 100
    if isolation is Isolation.MIG:
        assert card is not None
        assert (mig_profiles(card) or {})[slices] == profile


def require_sound_steps(
    plan: ChangePlan, before: Shares, after: Shares, rooms: Mapping[str, Capacity]
) -> None:
    """Each step's own nodes have their new shares beside the old ones of all that wait."""
    standing = dict(before)
    gone = {(c.node, c.host) for c in plan.changes if c.action is Impact.DELETE}
    for step in plan.steps:
        for node, host in step.members:
            at = (host, plan.group, node)
            removing = step.leaving or step.title.startswith("remove ")
            new = None if removing and (node, host) in gone else after.get(at)
            old = standing.pop(at, None)
            if old is not None and new is not None and old != new:
                runs = {c.node for c in plan.changes if c.runs}
                assert node in step.drain or node not in runs, "a card is cut when nothing runs"
            if new is not None:
                standing[at] = new
        require_sound(standing, rooms)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(fleets, st.lists(cluster_spec(), min_size=1, max_size=5))
def test_cards_are_never_shared_beyond_what_they_are(
    rooms: dict[str, Capacity], texts: list[dict[str, Any]]
) -> None:
    fleet = fleet_of(rooms)
    groups: dict[str, Observed] = {}
    shares: Shares = {}
    for text in texts:
        spec = RayClusterSpec.model_validate(text)
        assert not check(fleet, spec)
        seen = together(groups.values(), fleet)
        try:
            topology = place(
                fleet=fleet, spec=spec, capacities=rooms, records=tuple(seen.records())
            )
        except PlacementError:
            continue
        others = {at: gpu for at, gpu in shares.items() if at[1] != spec.name}
        after = others | shares_of(topology)
        require_sound(after, rooms)
        plan = make_plan(fleet, spec, desired_of(fleet, spec, topology, NAMESPACE), seen)
        require_sound_steps(plan, shares, after, rooms)
        shares = after
        groups[spec.name] = applied(fleet, spec, topology)
        seen = together(groups.values(), fleet)
        again = place(fleet=fleet, spec=spec, capacities=rooms, records=tuple(seen.records()))
        assert make_plan(fleet, spec, desired_of(fleet, spec, again, NAMESPACE), seen).is_empty
