"""What a driver's calls tell of an interruption."""

from __future__ import annotations

import pytest

from adbray_ctl.core.drill import Call, Kind, are_steady, count_went_on, interruption_s, not_back
from adbray_ctl.core.observed.slots import SlotState, SlotStatus, what_lacks
from adbray_ctl.core.observed.status import GroupStatus
from adbray_ctl.core.slot.record import SlotKind

ACTOR, TASK, HELD = Kind.ACTOR, Kind.TASK, Kind.HELD


def call(began: float, took: float = 0.01, value: int = 0, error: str = "") -> Call:
    return Call(kind=ACTOR, began=began, ended=began + took, value=value, error=error)


@pytest.mark.parametrize(
    ("calls", "seconds"),
    [
        ([], 0),
        ([call(9), call(10.1), call(10.2)], 0),
        # One call waits it out.
        ([call(9.9, 6.1), call(16.1)], 6),
        # One fails, and a later one succeeds at once.
        ([call(10, 3, error="lost"), call(13.1, 0.4)], 3.5),
        # Two stretches: the end of the second counts.
        ([call(10, 2), call(12.1), call(13, 2, error="lost"), call(15.1, 0.1), call(16)], 5.2),
        # What had ended before the fault does not.
        ([call(5, 4), call(10.1)], 0),
        # What never succeeded again has no end.
        ([call(10, 3, error="lost")], 0),
    ],
)
def test_an_interruption_ends_with_the_first_good_answer(calls: list[Call], seconds: float) -> None:
    assert interruption_s(calls, ACTOR, 10) == pytest.approx(seconds)
    assert interruption_s(calls, TASK, 10) == 0


def test_all_kinds_must_go_well_three_times_before_it_is_settled() -> None:
    actors = [call(11), call(12), call(13)]
    tasks = [one.model_copy(update={"kind": kind}) for one in actors for kind in (TASK, HELD)]
    assert are_steady([*actors, *tasks], 10)
    assert not are_steady(actors, 10)
    assert not are_steady([*actors, *tasks], 11.5)
    assert not are_steady([*actors, *tasks, call(14, error="lost")], 10)
    assert not are_steady([*actors, *tasks, call(14, took=1.5)], 10)


@pytest.mark.parametrize(
    ("values", "kept"), [([1, 2, 3], True), ([1, 5, 9], True), ([7, 8, 1], False), ([], True)]
)
def test_an_actor_that_begins_anew_has_lost_its_memory(values: list[int], kept: bool) -> None:
    answers = [call(float(at), value=value) for at, value in enumerate(values)]
    answers = [one.model_copy(update={"kind": HELD}) for one in answers]
    failed = call(99, error="lost")
    assert count_went_on([*answers, failed]) is kept


def status(**states: SlotState) -> GroupStatus:
    """A group of a head, a Redis and workers of the group w, by slot name."""
    kinds = {"head": SlotKind.HEAD, "redis": SlotKind.REDIS}
    slots = tuple(
        SlotStatus(
            slot=name,
            kind=kinds.get(name, SlotKind.WORKER),
            worker_group=None if name in kinds else "w",
            host="h",
            address="10.0.0.1",
            size=None,
            cpus=0,
            memory_mb=0,
            disk_gb=0,
            state=state,
            ports={},
            revision="1",
        )
        for name, state in states.items()
    )
    lacking = what_lacks(slots, {"w": 1})
    return GroupStatus(group="g", ready=not lacking, slots=slots, addresses=None, lacking=lacking)


def test_a_drill_is_over_when_what_should_run_does() -> None:
    """As apply and status judge it: w has a min_workers of 1."""
    on, off = SlotState.RUNNING, SlotState.PREPARED
    before = status(head=on, redis=on, w0=on, w1=on, w2=off)
    another = status(head=on, redis=on, w0=on, w1=off, w2=on)
    an_idle_one_less = status(head=on, redis=on, w0=on, w1=off, w2=off)
    assert not_back(before, another) == ()
    assert not_back(before, an_idle_one_less) == ()
    assert an_idle_one_less.ready


def test_what_is_not_back_is_named() -> None:
    on, off = SlotState.RUNNING, SlotState.PREPARED
    before = status(head=on, redis=on, w0=on)
    stopped = status(head=SlotState.STOPPED, redis=SlotState.STOPPED, w0=off)
    assert not_back(before, stopped) == (
        "no head runs",
        "0 of 1 w run",
        "head on h is stopped",
        "redis on h is stopped",
    )
    starting = status(head=on, redis=on, w0=on, w1=SlotState.STARTING)
    assert not_back(before, starting) == ("w1 on h is starting",)
    assert not_back(before, status(head=on, w0=on)) == ("redis on h is not seen",)
    full = before.model_copy(update={"ready": False, "problems": ("w-0 on h: its disk is full",)})
    assert not_back(before, full) == ("w-0 on h: its disk is full",)
