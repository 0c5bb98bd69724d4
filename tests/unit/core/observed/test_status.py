"""A slot's state, joined from its record, its unit and Ray's nodes."""

from __future__ import annotations

import pytest

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.observed.ray import RayNode
from adbray_ctl.core.observed.scaling import ScalingView, parse_events
from adbray_ctl.core.observed.slots import SlotState
from adbray_ctl.core.observed.status import SLOT_LABEL, START_LABEL, group_status, living_nodes
from adbray_ctl.core.slot.disks import DiskUse
from tests.unit.core.running_slots import observed


@pytest.mark.parametrize(
    ("active", "sub", "joined", "state", "ready"),
    [
        ("active", "running", True, SlotState.RUNNING, True),
        ("active", "running", False, SlotState.STARTING, False),
        ("activating", "start", False, SlotState.STARTING, False),
        ("activating", "auto-restart", False, SlotState.FAILED, False),
        ("failed", "failed", False, SlotState.FAILED, False),
        ("inactive", "dead", False, SlotState.PREPARED, True),
        ("deactivating", "stop-sigterm", True, SlotState.PREPARED, True),
    ],
)
def test_the_unit_and_ray_decide(
    active: str, sub: str, joined: bool, state: SlotState, ready: bool
) -> None:
    status = group_status("g", observed(active, sub, joined=joined))
    assert [slot.state for slot in status.slots] == [SlotState.RUNNING, state]
    assert status.ready is ready


def test_a_unit_that_restarts_for_ever_says_so() -> None:
    status = group_status("g", observed("active", "running", restarts=3, joined=False))
    assert "systemd has started it 4 times" in status.slots[1].detail


def test_the_fuller_one_of_a_slot_s_disks_is_told() -> None:
    seen = observed("active", "running")
    (host,) = seen.hosts
    uses = (
        DiskUse(path="/d", size_mb=1000, used_mb=100),
        DiskUse(path="/d/spill", size_mb=1000, used_mb=900),
    )
    head, worker = host.slots
    slots = (head, worker.model_copy(update={"disks": uses}))
    full = Observed(hosts=(host.model_copy(update={"slots": slots}),))
    shown = {slot.slot: slot.disk_used for slot in group_status("g", full).slots}
    assert shown == {"head": None, "w-0": 0.9}


def test_a_slot_without_its_unit_is_unknown() -> None:
    seen = observed("active", "running").hosts[0]
    status = group_status("g", Observed(hosts=(seen.model_copy(update={"units": ()}),)))
    assert {slot.state for slot in status.slots} == {SlotState.UNKNOWN}
    assert not status.ready


def test_a_group_without_a_head_is_not_ready() -> None:
    status = group_status("none", observed("active", "running"))
    assert not status.ready
    assert status.addresses is None


def test_what_the_autoscaler_tells_is_in_the_status() -> None:
    shown = {
        "at": 5,
        "age_s": 61.4,
        "waiting": [{"demand": "1 x (8 CPU) for tasks", "since": 1, "why": "fits no group"}],
        "floors": [{"demand": "3 x (1 CPU) for request_resources()", "since": -595}],
        "silent": [{"host": "h2", "reason": "no answer"}],
        "set_aside": [{"slot": "w-1", "host": "h", "times": 1, "reason": "no disk"}],
        "of_a_newer_head": 1,
    }
    seen = observed("active", "running")
    (host,) = seen.hosts
    view = host.ray[0].model_copy(update={"scaling": ScalingView.model_validate(shown)})
    seen = Observed(hosts=(host.model_copy(update={"ray": (view,)}),))
    status = group_status("g", seen)
    assert status.problems == ("the autoscaler has reported nothing for 61 s",)
    assert status.scaling is not None
    held = (
        "3 x (1 CPU) for request_resources() has kept workers running for 10 min and does so until"
        " a job changes it: ray.autoscaler.sdk.request_resources(num_cpus=0)"
    )
    assert list(status.scaling.lines()) == [
        "1 x (8 CPU) for tasks waits: fits no group",
        held,
        "w-1 on h is set aside: no disk",
        "the head cannot reach h2: no answer",
    ]
    assert status.ready, "the cluster serves what it has"


def test_events_are_read_as_far_as_they_were_written() -> None:
    line = '{"number": 3, "at": 1.5, "kind": "start", "text": "started", "new": true}'
    (event,) = parse_events(f"{line}\n{line[:20]}\n\n")
    assert (event.number, event.kind, event.text) == (3, "start", "started")


@pytest.mark.parametrize(
    ("of_node", "of_unit", "state"),
    [
        ("a", "a", SlotState.RUNNING),
        # Ray has a node of before a loss of power for alive until it has missed some looks at it.
        ("a", "b", SlotState.STARTING),
        ("", "b", SlotState.RUNNING),  # an earlier adbray started it
        ("a", "", SlotState.RUNNING),  # an earlier adbray looked
    ],
)
def test_a_node_of_an_earlier_start_is_not_the_slot_s(
    of_node: str, of_unit: str, state: SlotState
) -> None:
    seen = observed("active", "running")
    (host,) = seen.hosts
    head, worker = host.ray[0].nodes
    labels = worker.labels | ({START_LABEL: of_node} if of_node else {})
    view = host.ray[0].model_copy(
        update={"nodes": (head, worker.model_copy(update={"labels": labels}))}
    )
    units = (host.units[0], host.units[1].model_copy(update={"start": of_unit}))
    host = host.model_copy(update={"ray": (view,), "units": units})
    (_, slot) = group_status("g", Observed(hosts=(host,))).slots
    assert slot.state is state


def test_of_two_living_nodes_of_a_slot_the_younger_one_is_its() -> None:
    def node(name: str, at: float) -> RayNode:
        labels = {SLOT_LABEL: "w-0"}
        return RayNode(
            node_id=name, address="a", alive=True, is_head=False, labels=labels, started_at=at
        )

    for nodes in ([node("old", 1), node("new", 2)], [node("new", 2), node("old", 1)]):
        assert living_nodes(nodes)["w-0", "a"].node_id == "new"
