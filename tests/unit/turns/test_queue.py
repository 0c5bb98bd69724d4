"""Who starts next: by rank, then by who asked first; who failed rests before it asks again."""

from __future__ import annotations

import json

import pytest

from adbray_host.turns import view
from adbray_host.turns.queue import (
    DEMAND,
    HEAD,
    HOLD_S,
    LEAST,
    LONGEST_REST_S,
    WELL_S,
    Past,
    Queue,
    pasts_of,
)


class Host:
    """A host with so many cores; time goes by when it is told to."""

    def __init__(self, cpus: int) -> None:
        self.now = 1000.0
        self.starts = 0
        self.queue = Queue(cpus, lambda: self.now, lambda: 1.0)

    def ask(self, unit: str, rank: int = DEMAND, *, again: bool = False) -> None:
        """A new start of ``unit`` comes and asks."""
        self.starts += 1
        assert self.queue.came(unit, str(self.starts), rank, lambda: again)
        self.queue.asks(unit)

    def fail(self, unit: str) -> None:
        """It asks, has its turn, and ends before its node is up."""
        self.ask(unit, again=True)
        self.now += LONGEST_REST_S
        assert self.queue.due() == [unit]
        self.queue.left(unit)

    def text(self, unit: str) -> str:
        return view.in_words(self.queue.shown()["units"][unit], self.now)


def test_no_more_start_at_once_than_there_are_cores() -> None:
    host = Host(2)
    for unit in "abcd":
        host.ask(unit)
    assert host.queue.due() == ["a", "b"]
    assert host.text("a") == ""
    assert host.text("c") == "waiting for its turn to start (it is next)"
    assert host.text("d") == "waiting for its turn to start (1 before it)"
    assert host.queue.due() == []
    host.queue.is_up("b")
    assert host.queue.due() == ["c"]
    assert host.text("d") == "waiting for its turn to start (it is next)"
    host.queue.left("c")
    host.queue.left("a")
    assert host.queue.due() == ["d"]


def test_a_head_is_first_then_what_is_always_wanted_then_demand() -> None:
    host = Host(1)
    for unit, rank in (("d", DEMAND), ("l", LEAST), ("d2", DEMAND), ("h", HEAD), ("l2", LEAST)):
        host.ask(unit, rank)
    order = []
    while host.queue.entries:
        (unit,) = host.queue.due()
        order.append(unit)
        host.queue.is_up(unit)
    assert order == ["h", "l", "l2", "d", "d2"]


def test_a_head_takes_two_cores_and_nothing_overtakes_it() -> None:
    host = Host(2)
    host.ask("w")
    assert host.queue.due() == ["w"]
    host.ask("h", HEAD)
    host.ask("w2")
    assert host.queue.due() == []
    host.queue.is_up("w")
    assert host.queue.due() == ["h"], "alone"
    wide = Host(4)
    for unit, rank in (("h", HEAD), ("w", LEAST), ("w2", LEAST), ("w3", LEAST)):
        wide.ask(unit, rank)
    assert wide.queue.due() == ["h", "w", "w2"]


def test_a_slow_start_lets_others_begin_and_may_still_come_up() -> None:
    host = Host(1)
    host.ask("a")
    host.ask("b")
    assert host.queue.due() == ["a"]
    assert host.queue.next_at() == host.now + HOLD_S
    host.now += HOLD_S
    assert host.queue.due() == ["b"]
    host.queue.is_up("a")
    assert host.queue.pasts["a"] == Past("1", up_at=host.now)


def test_one_that_finds_its_head_gone_gives_its_turn_back() -> None:
    host = Host(1)
    host.ask("a")
    host.ask("b")
    assert host.queue.due() == ["a"]
    host.queue.waits_for_head("a")
    assert host.text("a") == "waiting for the head"
    assert host.queue.due() == ["b"]
    host.queue.left("a")
    assert host.queue.pasts["a"].ended_at is None, "it did not fail"


def test_who_failed_rests_longer_each_time() -> None:
    host = Host(1)
    rests = []
    for _ in range(8):
        host.ask("a", again=True)
        at = host.queue.next_at()
        rests.append(at - host.now if at else 0.0)
        host.now += rests[-1]
        assert host.queue.due() == ["a"]
        host.now += 10
        host.queue.left("a")
    assert rests == [0, 1, 2, 4, 8, 16, 30, 30]


def test_a_rest_has_jitter_and_does_not_hold_others_up() -> None:
    host = Host(1)
    host.fail("a")
    host.fail("a")
    host.queue.chance = lambda: 0.0
    host.ask("a", again=True)
    host.ask("b")
    assert host.text("a") == "starts again in 2 s (2 starts failed)"
    assert host.queue.next_at() == host.now + 1.5
    assert host.queue.due() == ["b"]


def test_one_that_ran_well_for_a_while_waits_short_again() -> None:
    host = Host(1)
    host.fail("a")
    host.fail("a")
    host.ask("a", again=True)
    host.now += 2
    assert host.queue.due() == ["a"]
    host.queue.is_up("a")
    host.now += WELL_S - 1
    host.ask("a", again=True)
    assert host.queue.shown()["units"]["a"]["failed"] == 3, "up, but not for long"
    host.now += LONGEST_REST_S
    assert host.queue.due() == ["a"]
    host.queue.is_up("a")
    host.now += WELL_S
    host.ask("a", again=True)
    assert host.queue.due() == ["a"]


def test_a_node_that_ends_soon_starts_at_once_again_and_rests_if_it_goes_on() -> None:
    host, rests = Host(1), []
    for _ in range(4):
        host.ask("a", again=True)
        at = host.queue.next_at()
        rests.append(at - host.now if at else 0.0)
        host.now += rests[-1]
        assert host.queue.due() == ["a"]
        host.queue.is_up("a")
        host.now += 5
    assert rests == [0, 0, 1, 2]


def test_what_somebody_stopped_and_started_has_not_failed() -> None:
    host = Host(1)
    host.fail("a")
    host.ask("a", again=False)
    assert host.queue.due() == ["a"]


def test_after_a_failure_fewer_start_at_once_until_starts_go_well() -> None:
    host = Host(4)
    host.ask("a")
    host.queue.due()
    host.queue.left("a")
    for unit in "bcdefgh":
        host.ask(unit)
    assert host.queue.due() == ["b", "c"]
    host.queue.is_up("b")
    assert host.queue.due() == ["d", "e"]
    host.queue.is_up("c")
    assert host.queue.due() == ["f", "g"]
    host.queue.is_up("d")
    assert host.queue.due() == ["h"], "no more than there are cores"


def test_a_start_has_one_turn() -> None:
    """What a job in a worker's unit asks for changes nothing."""
    host = Host(1)
    host.ask("a")
    assert not host.queue.came("a", "1", LEAST, bool)
    host.queue.due()
    host.queue.is_up("a")
    assert not host.queue.came("a", "1", LEAST, bool)
    assert host.queue.came("a", "2", LEAST, bool)


def test_the_next_process_goes_on_with_what_is_known() -> None:
    host = Host(1)
    host.fail("a")
    host.fail("a")
    host.ask("b")
    host.queue.due()
    shown = json.loads(json.dumps(host.queue.shown()))
    host.now += 5
    queue = Queue(1, lambda: host.now, lambda: 1.0, pasts_of(shown, host.now))
    assert queue.came("a", "9", LEAST, lambda: True)
    assert queue.pasts["a"].failed == 2
    assert queue.pasts["b"].up_at == host.now, "it started while nobody looked"
    assert pasts_of({}, host.now) == {}


OTHERS = [
    {"pasts": {"a": {"start": "1", "of_another_version": 1}}},
    {"pasts": {}, "units": {"a": {"state": "starts"}}},
    {"pasts": [], "units": {}},
]


@pytest.mark.parametrize("shown", OTHERS)
def test_what_another_version_kept_is_left_alone(shown: dict[str, object]) -> None:
    assert pasts_of(shown, 1.0) == {}


@pytest.mark.parametrize(("failed", "text"), [(1, "1 start failed"), (3, "3 starts failed")])
def test_words_count(failed: int, text: str) -> None:
    entry = {"state": "rests", "before": 0, "at": 112.0, "failed": failed}
    assert view.in_words(entry, 100.0) == f"starts again in 12 s ({text})"
