"""Why a demand waits: the worker groups it fits, and what keeps each from one more worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ray.core.generated import autoscaler_pb2, common_pb2

from adbray_ctl.provider.demand import Demand, Offer, Rule, Shape, blocked
from adbray_ctl.provider.ray_state import RayNode, RayState, parse_state
from tests.unit.provider.ray_messages import floor, gang, node, types

GIB = 1024**3
OFFERS = {
    "one": Offer({"CPU": 1, "memory": 2.0 * GIB}, {"tier": "one"}, 3),
    "four": Offer({"CPU": 4, "memory": 8.0 * GIB}, {"tier": "four"}, 2),
}


def cpus(amount: float, *rules: Rule) -> Shape:
    return Shape((("CPU", amount),), (rules,) if rules else ())


def free(_: str) -> str | None:
    return None


def full(worker_group: str) -> str | None:
    return f"{worker_group}-0 on a is set aside"


@pytest.mark.parametrize(
    ("shape", "running", "no_slot", "why"),
    [
        (cpus(4), {}, free, None),
        (cpus(1), {"one": 3}, free, None),
        (cpus(8), {}, free, "fits no worker group: one has 1 CPU; four has 4 CPU"),
        (
            Shape((("GPU", 1.0),)),
            {},
            free,
            "fits no worker group: one has 0 GPU; four has 0 GPU",
        ),
        (
            Shape((("memory", 16.0 * GIB),)),
            {},
            free,
            "fits no worker group: one has 2 GiB memory; four has 8 GiB memory",
        ),
        (
            cpus(1, Rule("tier", ("two", "three"))),
            {},
            free,
            "fits no worker group: one has not tier=two|three; four has not tier=two|three",
        ),
        (cpus(4), {"four": 2}, free, "four runs all of its max_workers (2)"),
        (
            cpus(1, Rule("tier", ("one",), wanted=False)),
            {"four": 2},
            free,
            "four runs all of its max_workers (2)",
        ),
        (cpus(4), {}, full, "four-0 on a is set aside"),
        (
            cpus(1),
            {"one": 3},
            full,
            "one runs all of its max_workers (3); four-0 on a is set aside",
        ),
    ],
)
def test_what_blocks_a_demand(
    shape: Shape, running: dict[str, int], no_slot: Callable[[str], str | None], why: str | None
) -> None:
    found = blocked(Demand(shape, 1), OFFERS, running, no_slot, {})
    assert (found.why if found else None) == why


def test_one_of_several_selectors_is_enough() -> None:
    shape = Shape((("CPU", 1.0),), ((Rule("tier", ("two",)),), (Rule("tier", ("one",)),)))
    assert blocked(Demand(shape, 1), OFFERS, {}, free, {}) is None
    assert str(shape) == "1 CPU, tier=two or tier=one"


def test_the_resource_state_of_ray_is_parsed() -> None:
    """Its names are those of Ray's autoscaler.proto, read by Ray's own generated code."""
    states = autoscaler_pb2.NodeStatus  # type: ignore[attr-defined]
    message = autoscaler_pb2.ClusterResourceState()  # type: ignore[attr-defined]
    for instance, status, idle_ms in (
        ("w-0.aa", states.Value("IDLE"), 6500),
        ("w-1.bb", states.Value("DRAINING"), 0),
        ("w-2.cc", states.Value("DEAD"), 0),
    ):
        message.node_states.add(instance_id=instance, status=status, idle_duration_ms=idle_ms)
    request = autoscaler_pb2.ResourceRequest(  # type: ignore[attr-defined]
        resources_bundle={"CPU": 4, "memory": 2 * GIB}
    )
    request.label_selectors.add().label_constraints.add(
        label_key="tier",
        operator=common_pb2.LabelSelectorOperator.Value(  # type: ignore[attr-defined]
            "LABEL_OPERATOR_NOT_IN"
        ),
        label_values=["one", "two"],
    )
    message.pending_resource_requests.add(request=request, count=3)
    message.pending_gang_resource_requests.add(requests=[request, request])
    state = parse_state(message, {})
    nothing = Offer({}, {}, 1)
    assert state.nodes == {
        "w-0.aa": RayNode(alive=True, idle_s=6.5, offer=nothing),
        "w-1.bb": RayNode(alive=True, draining=True, offer=nothing),
        "w-2.cc": RayNode(alive=False, offer=nothing),
    }
    assert [str(demand) for demand in state.demands] == [
        "3 x (4 CPU, 2 GiB memory, tier!=one|two) for tasks or actors",
        "2 x (4 CPU, 2 GiB memory, tier!=one|two) for a placement group",
    ]
    assert all(isinstance(demand, Demand) for demand in state.demands)


def test_a_demand_that_only_a_running_worker_fits_waits_for_it() -> None:
    """Its slot's label and its address are no worker group's, and yet it is there."""
    shape = cpus(1, Rule("adbray.io/slot", ("one-1",)))
    living = {"one-1": Offer({"CPU": 1}, {"adbray.io/slot": "one-1"}, 1)}
    found = blocked(Demand(shape, 1), OFFERS, {"one": 2}, free, living)
    assert found is not None
    assert found.why == "fits only one-1, with no room now"
    gone = blocked(Demand(shape, 1), OFFERS, {"one": 2}, free, {})
    assert gone is not None
    assert gone.why.startswith("fits no worker group: one has not adbray.io/slot=one-1")


def asked(*, busy: bool = False, running: int, **wholes: Any) -> RayState:
    """Ray's answer while so many workers of 1 CPU run, of at most three."""
    free_cpus = 0 if busy else 1
    nodes = [node(f"small-{n}", "small", 1, free_cpus) for n in range(running)]
    message = autoscaler_pb2.ClusterResourceState(  # type: ignore[attr-defined]
        node_states=nodes, **wholes
    )
    return parse_state(message, types(small=(1, 3)))


def test_a_floor_that_is_met_does_not_wait() -> None:
    three = floor(3, CPU=1)
    met = asked(running=3, cluster_resource_constraints=[three])
    assert (met.demands, [str(one) for one in met.floors]) == (
        (),
        ["3 x (1 CPU) for request_resources()"],
    )
    busy = asked(running=3, busy=True, cluster_resource_constraints=[three])
    assert busy.floors == met.floors, "a floor is met by workers, busy or not"
    (waits,) = asked(running=2, cluster_resource_constraints=[three]).demands
    assert (waits.count, waits.never) == (3, False)


def test_a_floor_larger_than_all_workers_is_never_met() -> None:
    """Ray starts none for it: it weighs the whole of it."""
    (never,) = asked(running=1, cluster_resource_constraints=[floor(4, CPU=1)]).demands
    found = blocked(never, {"small": Offer({"CPU": 1}, {}, 3)}, {"small": 1}, free, {})
    assert found is not None
    assert found.why == "it does not fit even if max_workers workers run"


def test_a_placement_group_is_weighed_as_a_whole() -> None:
    one = {"CPU": 1.0}
    spread = [gang(*[one] * 4), gang(*[one] * 3)]
    too_many, enough = asked(running=1, pending_gang_resource_requests=spread).demands
    assert (too_many.count, too_many.never) == (4, True)
    assert (enough.count, enough.never) == (3, False)
    assert blocked(enough, {"small": Offer(one, {}, 3)}, {"small": 1}, free, {}) is None


def test_an_empty_floor_makes_no_demand() -> None:
    """What request_resources(num_cpus=0) leaves."""
    empty = autoscaler_pb2.ClusterResourceConstraint()  # type: ignore[attr-defined]
    state = asked(running=1, cluster_resource_constraints=[empty])
    assert (state.demands, state.floors) == ((), ())
