"""What changed between two ticks is one event, and the journal keeps it."""

from __future__ import annotations

import json
from dataclasses import replace
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


class Bench:
    """A chronicle whose clock is set, and what it bench."""

    def __init__(self) -> None:
        self.now = 100.0
        self.events: list[Event] = []
        self.chronicle = Chronicle(self.events.append, lambda: self.now)

    def look(self, *slots: Slot, ray: RayState | None = None) -> list[str]:
        """The texts of the events of one look; keeps what it shows as waiting and as floors."""
        before = len(self.events)
        found = self.chronicle.look(slots, ray or RayState({}), OFFERS, lambda _: None)
        self.waiting = [(one["since"], one["why"]) for one in found["waiting"]]
        self.floors = [(one["since"], one["demand"]) for one in found["floors"]]
        return [event.text for event in self.events[before:]]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def slot(number: int, start: str = "aa") -> Slot:
    return Slot("a", f"w-{number}", "w", SlotState.RUNNING, start)


def alive(*slots: Slot, idle_s: float = 0, draining: bool = False) -> RayState:
    node = RayNode(alive=True, idle_s=idle_s, draining=draining)
    return RayState({one.instance: node for one in slots})


def test_a_new_head_reports_how_many_workers_run_and_no_joins(bench: Bench) -> None:
    assert bench.look(slot(0), ray=alive(slot(0))) == ["the autoscaler began; 1 workers run"]
    assert bench.look(slot(0), ray=alive(slot(0))) == []


def test_a_join_says_how_long_the_worker_waited_for_its_turn(bench: Bench) -> None:
    bench.look()
    bench.chronicle.started(slot(0))
    for _ in range(3):
        bench.now += 1
        bench.look(replace(slot(0), waits="waiting for its turn to start (it is next)"))
    bench.now += 4
    bench.look(slot(0))
    assert bench.look(slot(0), ray=alive(slot(0))) == [
        "w-0 on a joined Ray 7.0 s after its start, 3.0 s of which it waited for its turn"
    ]


def test_the_events_of_a_worker_from_start_to_stop(bench: Bench) -> None:
    bench.look()
    bench.chronicle.started(slot(0))
    assert bench.look(slot(0)) == []
    bench.now += 2.5
    assert bench.look(slot(0), ray=alive(slot(0))) == ["w-0 on a joined Ray 2.5 s after its start"]
    bench.look(slot(0), ray=alive(slot(0), idle_s=61))
    bench.look(slot(0), ray=alive(slot(0), draining=True))
    bench.chronicle.stopping(slot(0).instance, joined=True)
    assert bench.look(slot(0), ray=RayState({slot(0).instance: RayNode(alive=False)})) == []
    assert bench.look() == ["stopped w-0 on a: it was idle for 61 s"]


def test_why_a_worker_was_stopped(bench: Bench) -> None:
    bench.look(slot(0), slot(1), ray=alive(slot(0)))
    assert bench.chronicle.stopping(slot(0).instance, joined=True) == "Ray ended its node"
    assert bench.chronicle.stopping(slot(1).instance, joined=False) == "nothing needs it any more"
    bench.look(slot(2), ray=RayState({slot(2).instance: RayNode(alive=False)}))
    assert bench.chronicle.stopping(slot(2).instance, joined=True) == "its node ended"


def test_an_end_that_the_autoscaler_did_not_cause_is_reported(bench: Bench) -> None:
    bench.look(slot(0), slot(1))
    assert bench.look(slot(0, "bb")) == [
        "w-0 on a ended and was started again",
        "w-1 on a was stopped on its host, not by the autoscaler",
    ]


def test_an_unmet_demand_is_reported_once_for_each_reason(bench: Bench) -> None:
    bench.look()
    waits = RayState({}, (FOUR,))
    assert bench.look(ray=waits) == []
    assert bench.waiting == []
    bench.now += 6
    (text,) = bench.look(ray=waits)
    assert text == ("1 x (4 CPU) for tasks or actors waits: fits no worker group: w has 2 CPU")
    assert bench.waiting == [(100.0, "fits no worker group: w has 2 CPU")]
    bench.now += 60
    assert bench.look(ray=waits) == []
    assert bench.look() == []
    assert bench.waiting == []


def test_a_floor_is_reported_once_and_shown_while_it_holds(bench: Bench) -> None:
    bench.look()
    held = RayState({}, (), (TWO,))
    assert bench.look(ray=held) == [f"{TWO} is met, and keeps workers up until it is replaced"]
    bench.now += 60
    assert bench.look(ray=held) == []
    assert (bench.waiting, bench.floors) == ([], [(100.0, str(TWO))])
    assert bench.look() == [f"{TWO} keeps no workers up any more"]
    assert bench.floors == []


def test_the_demands_that_a_launch_is_for(bench: Bench) -> None:
    bench.look(ray=RayState({}, (FOUR, TWO)))
    why = bench.chronicle.why_launched("w", OFFERS["w"])
    assert why == "for 1 x (2 CPU) for tasks or actors"
    bench.look()
    assert bench.chronicle.why_launched("w", OFFERS["w"]) == "to reach min_workers"


def test_the_journal_continues_after_a_restart_and_stays_small(
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


def test_a_journal_that_cannot_be_written_raises_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "missing", lambda: 7.0)
    journal.write(Event(Kind.START, "started"))
    journal.show({"waiting": []})


def test_an_unchanged_view_is_written_again_after_a_while(tmp_path: Path) -> None:
    times = iter((7.0, 8.0, 13.0))
    journal = Journal(tmp_path, lambda: next(times))
    for seen in (7.0, 7.0, 13.0):
        journal.show({"waiting": []})
        assert json.loads((tmp_path / VIEW).read_text()) == {"at": seen, "waiting": []}
