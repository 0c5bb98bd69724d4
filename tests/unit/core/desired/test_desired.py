"""What hosts should hold is computed once: plan and inventory read it and compute none of it."""

from __future__ import annotations

from adbray_ctl.core.inventory.group import build_inventory
from adbray_ctl.core.plan.plan import make_plan
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.core.spec.impact import Impact
from tests.unit.cluster import applied, desired, placed
from tests.unit.core.plans import fleet, spec
from tests.unit.core.site import SITE

TOPOLOGY = placed(fleet(), spec())
DESIRED = desired(fleet(), spec(), TOPOLOGY)


def test_each_slot_has_a_record_and_each_of_ray_its_variables() -> None:
    by_kind = {kind: {p.slot for p in TOPOLOGY.placements if p.kind is kind} for kind in SlotKind}
    assert DESIRED.records.keys() == {p.slot for p in TOPOLOGY.placements}
    assert DESIRED.heads.keys() == by_kind[SlotKind.HEAD]
    assert DESIRED.workers.keys() == by_kind[SlotKind.WORKER]


def test_an_inventory_prints_what_is_desired() -> None:
    record = DESIRED.records["w-0"].model_copy(update={"revision": "another"})
    other = DESIRED.model_copy(
        update={
            "namespace": "another",
            "redis_address": "another:1",
            "records": DESIRED.records | {"w-0": record},
        }
    )
    shown = build_inventory(fleet=fleet(), spec=spec(), desired=other, site=SITE)
    slots = [slot for v in shown.host_vars.values() for slot in v["ray_worker_slots"]]
    (printed,) = (slot["record"] for slot in slots if slot["name"] == "w-0")
    assert printed["revision"] == "another"
    assert shown.all_vars["ray_head_namespace"] == shown.all_vars["redis_namespace"] == "another"
    assert shown.all_vars["ray_head_redis_address"] == "another:1"


def test_a_plan_compares_what_is_desired() -> None:
    observed = applied(fleet(), spec(), TOPOLOGY)
    assert make_plan(fleet(), spec(), DESIRED, observed).is_empty
    record = DESIRED.records["w-0"].model_copy(update={"revision": "another"})
    other = DESIRED.model_copy(update={"records": DESIRED.records | {"w-0": record}})
    plan = make_plan(fleet(), spec(), other, observed)
    changed = {c.node: c.action for c in plan.changes if c.action is not Impact.KEEP}
    assert changed == {"w-0": Impact.RESTART}


def test_a_worker_that_is_set_aside_stops() -> None:
    observed = applied(fleet(), spec(), TOPOLOGY)
    aside = DESIRED.model_copy(update={"aside": {"g-0": "its card fell off the bus"}})
    plan = make_plan(fleet(), spec(), aside, observed)
    (change,) = (c for c in plan.changes if c.action is not Impact.KEEP)
    assert (change.node, change.action) == ("g-0", Impact.STOP)
    assert change.reason == "set aside: its card fell off the bus"
