"""What changed between two ticks is told once, and the journal keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adbray_ctl.provider import journal as journal_module
from adbray_ctl.provider.chronicle import Chronicle
from adbray_ctl.provider.demand import Demand, Offer, Shape
from adbray_ctl.provider.journal import EVENTS, VIEW, Event, Journal, Kind
from adbray_ctl.provider.model import Slot, SlotState
from adbray_ctl.provider.ray_state import RayNode, RayState

OFFERS = {"w": Offer({"CPU": 2}, {}, 2)}
FOUR = Demand(Shape((("CPU", 4.0),)), 1)
TWO = Demand(Shape((("CPU", 2.0),)), 1)


class Told:
    """A chronicle whose clock is set, and what it told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.events: list[Event] = []
        self.chronicle = Chronicle(self.events.append, lambda: self.now)

    def look(self, *slots: Slot, ray: RayState | None = None) -> list[str]:
        """The texts of the events that one look tells, and of what is blocked since when."""
        before = len(self.events)
        found = self.chronicle.look(slots, ray or RayState({}), OFFERS, lambda _: None)
        self.waiting = [(one["since"], one["why"]) for one in found["waiting"]]
        self.floors = [(one["since"], one["demand"]) for one in found["floors"]]
        return [event.text for event in self.events[before:]]


@pytest.fixture
def told() -> Told:
    return Told()


def slot(number: int, start: str = "aa") -> Slot:
    return Slot("a", f"w-{number}", "w", SlotState.RUNNING, start)


def alive(*slots: Slot, idle_s: float = 0, draining: bool = False) -> RayState:
    node = RayNode(alive=True, idle_s=idle_s, draining=draining)
    return RayState({one.instance: node for one in slots})


def test_a_new_head_tells_what_it_finds_and_not_that_it_joined(told: Told) -> None:
    assert told.look(slot(0), ray=alive(slot(0))) == ["the autoscaler began; 1 workers run"]
    assert told.look(slot(0), ray=alive(slot(0))) == []


def test_the_way_of_a_worker(told: Told) -> None:
    told.look()
    told.chronicle.started(slot(0))
    assert told.look(slot(0)) == []
    told.now += 2.5
    assert told.look(slot(0), ray=alive(slot(0))) == ["w-0 on a joined Ray 2.5 s after its start"]
    told.look(slot(0), ray=alive(slot(0), idle_s=61))
    told.look(slot(0), ray=alive(slot(0), draining=True))
    told.chronicle.stopping(slot(0).instance, joined=True)
    assert told.look(slot(0), ray=RayState({slot(0).instance: RayNode(alive=False)})) == []
    assert told.look() == ["stopped w-0 on a: it was idle for 61 s"]


def test_why_a_worker_was_stopped(told: Told) -> None:
    told.look(slot(0), slot(1), ray=alive(slot(0)))
    assert told.chronicle.stopping(slot(0).instance, joined=True) == "Ray ended its node"
    assert told.chronicle.stopping(slot(1).instance, joined=False).startswith("it did not join")
    told.look(slot(2), ray=RayState({slot(2).instance: RayNode(alive=False)}))
    assert told.chronicle.stopping(slot(2).instance, joined=True) == "its node ended"


def test_an_end_by_other_hands_is_told_as_such(told: Told) -> None:
    told.look(slot(0), slot(1))
    assert told.look(slot(0, "bb")) == [
        "w-0 on a ended and was started again",
        "w-1 on a was stopped on its host, not by the autoscaler",
    ]


def test_a_demand_that_stays_unmet_is_told_once_for_each_reason(told: Told) -> None:
    told.look()
    waits = RayState({}, (FOUR,))
    assert told.look(ray=waits) == []
    assert told.waiting == []
    told.now += 6
    (text,) = told.look(ray=waits)
    assert text == ("1 x (4 CPU) for tasks or actors waits: fits no worker group: w has 2 CPU")
    assert told.waiting == [(100.0, "fits no worker group: w has 2 CPU")]
    told.now += 60
    assert told.look(ray=waits) == []
    assert told.look() == []
    assert told.waiting == []


def test_a_floor_is_told_once_and_shown_while_it_stays(told: Told) -> None:
    told.look()
    held = RayState({}, (), (TWO,))
    assert told.look(ray=held) == [f"{TWO} is met, and keeps workers up until it is replaced"]
    told.now += 60
    assert told.look(ray=held) == []
    assert (told.waiting, told.floors) == ([], [(100.0, str(TWO))])
    assert told.look() == [f"{TWO} keeps no workers up any more"]
    assert told.floors == []


def test_what_a_launch_is_for(told: Told) -> None:
    told.look(ray=RayState({}, (FOUR, TWO)))
    why = told.chronicle.why_launched("w", OFFERS["w"])
    assert why == "for 1 x (2 CPU) for tasks or actors"
    told.look()
    assert told.chronicle.why_launched("w", OFFERS["w"]) == "to reach min_workers"


def test_the_journal_goes_on_after_a_restart_and_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "LONGEST_FILE", 300)
    for _ in range(10):
        Journal(tmp_path, lambda: 7.0).write(Event(Kind.START, "started", "w", "w-0", "a"))
    files = [tmp_path / EVENTS, (tmp_path / EVENTS).with_suffix(".old")]
    assert all(0 < file.stat().st_size < 600 for file in files)
    last = json.loads(files[0].read_text().splitlines()[-1])
    assert last == {
        "number": 10,
        "at": 7.0,
        "kind": "start",
        "text": "started",
        "worker_group": "w",
        "slot": "w-0",
        "host": "a",
    }


def test_a_full_disk_keeps_nothing_from_scaling(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "missing", lambda: 7.0)
    journal.write(Event(Kind.START, "started"))
    journal.show({"waiting": []})


def test_the_view_is_a_sign_of_life(tmp_path: Path) -> None:
    times = iter((7.0, 8.0, 13.0))
    journal = Journal(tmp_path, lambda: next(times))
    for seen in (7.0, 7.0, 13.0):
        journal.show({"waiting": []})
        assert json.loads((tmp_path / VIEW).read_text()) == {"at": seen, "waiting": []}
