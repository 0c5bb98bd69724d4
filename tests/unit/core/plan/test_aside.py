"""Workers on cards that are of no use: stopped, not started, and not missed."""

from __future__ import annotations

from typing import Any

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.units import UnitState
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.slot.gpu import Card
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact
from tests.unit.cluster import ROOM, applied, placed, planned
from tests.unit.core.gpu_hosts import with_reading
from tests.unit.core.plans import SPEC, fleet, spec

# On host c: a card each, two that run and one that is prepared.
GROUP: dict[str, Any] = {
    "worker_groups": [
        *(g for g in SPEC["worker_groups"] if g["name"] != "g"),
        {
            "name": "g",
            "type": "GPU",
            "allocation_unit": 1,
            "size": "small",
            "min_workers": 2,
            "max_workers": 3,
            "hosts": {"names": ["c"]},
        },
    ]
}
FAULT = "XID 79: it has fallen off the bus"


def standing(*bad: int) -> Observed:
    seen = applied(fleet(), spec(**GROUP), placed(fleet(), spec(**GROUP)))
    cards = [{"index": index, "faults": [FAULT] if index in bad else []} for index in range(4)]
    return with_reading(seen, driver="535.1", installed="535.1", found=cards)


def halves(unit: str) -> RayClusterSpec:
    """Two slices on a card each for four workers."""
    held = {"allocation_unit": unit, "isolation": "mps", "min_workers": 4, "max_workers": 4}
    *others, g = GROUP["worker_groups"]
    return spec(worker_groups=[*others, g | held])


def plan(observed: Observed) -> ChangePlan:
    return planned(fleet(), spec(**GROUP), observed)


def card_of(observed: Observed, node: str) -> int:
    (gpu,) = (r.gpu for _, r in observed.records() if r.slot == node)
    assert gpu is not None
    return gpu.cards[0]


def changes(found: ChangePlan) -> dict[str, tuple[Impact, str]]:
    return {c.node: (c.action, c.reason) for c in found.changes if c.node.startswith("g-")}


def test_healthy_cards_change_nothing() -> None:
    assert plan(standing()).is_empty


def test_a_worker_on_a_bad_card_stops_and_a_prepared_one_starts() -> None:
    bad = card_of(standing(), "g-0")
    found = plan(standing(bad))
    shown = changes(found)
    assert shown["g-0"][0] is Impact.STOP
    assert shown["g-0"][1] == f"set aside: GPU {bad}: {FAULT}"
    assert shown["g-2"][0] is Impact.START
    assert shown["g-1"][0] is Impact.KEEP
    aside, start = found.steps
    assert (aside.nodes, aside.drain) == (("g-0",), ("g-0",))
    assert start.nodes == ("g-2",)


def test_a_worker_that_is_set_aside_stays_so() -> None:
    bad = card_of(standing(), "g-0")
    seen = standing(bad)
    stopped = {"adbray-worker@demo.g-0.service": "inactive", "adbray-worker@demo.g-2.service": ""}

    def now(unit: UnitState) -> UnitState:
        active = stopped.get(unit.unit, unit.active) or "active"
        return unit.model_copy(update={"active": active})

    hosts = (
        h.model_copy(update={"units": tuple(now(unit) for unit in h.units)}) for h in seen.hosts
    )
    shown = changes(plan(Observed(hosts=tuple(hosts))))
    assert shown["g-0"] == (Impact.KEEP, f"set aside: GPU {bad}: {FAULT}")
    assert shown["g-2"][0] is Impact.KEEP


def test_a_slice_that_changes_on_a_bad_card_is_cut_with_the_others() -> None:
    """Or what is cut by itself would meet slices of the other kind on its card."""
    card = Card(model="H100", memory_mb=81559)
    rooms = {host: ROOM.model_copy(update={"card": card}) for host in "abc"}
    seen = applied(fleet(), halves("1/2"), placed(fleet(), halves("1/2"), capacities=rooms))
    bad = card_of(seen, "g-0")
    reading = [{"index": index, "faults": [FAULT] if index == bad else []} for index in range(4)]
    found = planned(fleet(), halves("1/3"), with_reading(seen, found=reading), rooms)
    shown = changes(found)
    # A third of its card is where g-2 is to be.
    aside = {"g-0", "g-1", "g-2"}
    assert {node for node, (action, _) in shown.items() if action is Impact.STOP} == aside
    (step,) = (step for step in found.steps if any(node in step.nodes for node in shown))
    assert set(step.nodes) >= {"g-0", "g-1", "g-2", "g-3"}
    assert set(step.drain) == {"g-0", "g-1", "g-2", "g-3"}
    assert "gpu_share" in step.roles
    assert "restart 1 worker, stop 3 workers" in step.title
