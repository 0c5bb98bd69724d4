"""Who waits for a group waits as long as its starts go on, and a while more."""

from __future__ import annotations

from dataclasses import dataclass, field

from adbray_ctl.core.observed.slots import SlotState, SlotStatus
from adbray_ctl.core.observed.status import GroupStatus
from adbray_ctl.core.observed.units import Wait
from adbray_ctl.core.slot.record import SlotKind
from adbray_ctl.services.patience import Patience
from adbray_ctl.testing.clock import FakeClock

RUNS, STARTS, STOPPED = SlotState.RUNNING, SlotState.STARTING, SlotState.PREPARED
FOR_HEAD = Wait(text="waiting for the head")
RESTS = Wait(text="starts again in 4 s (3 starts failed)", failed=3)


def behind(before: int) -> Wait:
    return Wait(text=f"waiting for its turn to start ({before} before it)", before=before)


def slot(number: int, state: SlotState, wait: Wait | None = None) -> SlotStatus:
    return SlotStatus(
        slot=f"w-{number}",
        kind=SlotKind.WORKER,
        worker_group="w",
        host="h",
        address="10.0.0.1",
        size=None,
        cpus=1,
        memory_mb=1,
        disk_gb=1,
        state=state,
        wait=wait,
        ports={},
        revision="1",
    )


@dataclass
class Bench:
    """Someone who waits for ten seconds."""

    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.patience = Patience(self.clock, 10)

    def over(self, *slots: SlotStatus, after: float = 9) -> bool:
        """Whether it is over, if that is how things are then."""
        self.clock.at += after
        status = GroupStatus(group="g", ready=False, slots=slots, addresses=None)
        return self.patience.is_over(status)


def test_turns_that_are_given_are_waited_for() -> None:
    bench = Bench()
    assert not bench.over(slot(0, STARTS), slot(1, STARTS, behind(1)), after=0)
    for before in (2, 1, 0):
        assert not bench.over(slot(0, STARTS), slot(1, STARTS, behind(before)), slot(2, RUNS))
    assert not bench.over(slot(0, STARTS), slot(1, STARTS))
    assert not bench.over(slot(0, STARTS), slot(1, RUNS))
    assert not bench.over(slot(0, STARTS), slot(1, RUNS))
    assert bench.over(slot(0, STARTS), slot(1, RUNS), after=2)


def test_who_fails_again_and_again_is_not_waited_for() -> None:
    bench = Bench()
    bench.over(slot(0, STARTS, behind(1)), after=0)
    assert not bench.over(slot(0, STARTS))
    for now in (slot(0, STARTS, RESTS), slot(0, STARTS, behind(0)), slot(0, STARTS)):
        assert not bench.over(now, after=3)
    assert bench.over(slot(0, STARTS, RESTS), after=2)


def test_a_wait_that_is_no_queue_has_its_end() -> None:
    for now in (slot(0, STARTS, FOR_HEAD), slot(0, STOPPED), slot(0, STARTS, behind(3))):
        bench = Bench()
        assert not bench.over(now)
        assert bench.over(now, after=2)


def test_a_slot_that_was_not_seen_for_a_moment_is_no_news() -> None:
    bench = Bench()
    bench.over(slot(0, STARTS), after=0)
    assert not bench.over(after=5)
    assert bench.over(slot(0, STARTS), after=6)
