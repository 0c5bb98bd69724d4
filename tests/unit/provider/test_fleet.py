"""What runs is what the hosts say; what fails is set aside and another slot is used."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from adbray_ctl.provider.launches import LaunchFault
from adbray_ctl.provider.journal import Kind
from adbray_ctl.provider.model import Power, SlotState
from adbray_ctl.provider.quarantine import Faults
from tests.unit.provider.hosts import FakeHosts


@pytest.fixture
def hosts() -> FakeHosts:
    return FakeHosts({"a": ["w-0", "w-2", "v-0"], "b": ["w-1", "w-3"]})


def until(what: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + 5
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_first_free_slots_are_started_at_once(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.launch("w", 3)
    assert hosts.running() == ["w-0", "w-1", "w-2"]
    hosts.launch("v", 1)
    assert hosts.running() == ["v-0", "w-0", "w-1", "w-2"]


def test_what_runs_already_is_told_by_a_fleet_that_was_just_made(hosts: FakeHosts) -> None:
    hosts["a"].restart("w-2")
    assert hosts.running() == ["w-2"]
    hosts.launch("w", 1)
    assert hosts.running() == ["w-0", "w-2"]


def test_no_free_slot_is_told_with_its_reasons(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts["a"].slots["v-0"] = replace(hosts["a"].slots["v-0"], held=True)
    hosts.fleet.refresh()
    with pytest.raises(LaunchFault, match="v-0 on a is held back by an operator"):
        hosts.launch("v", 1)
    hosts.launch("w", 4)
    with pytest.raises(LaunchFault, match=r"1 of 1 not started: no free slot .*: all 4 run"):
        hosts.launch("w", 1)
    with pytest.raises(LaunchFault, match="no host tells of a slot of worker group x"):
        hosts.launch("x", 1)


def test_a_slot_that_does_not_start_is_set_aside_and_another_is_used(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts["a"].broken["w-0"] = "no such disk"
    hosts.launch("w", 2)
    assert hosts.running() == ["w-1", "w-2"]
    hosts["a"].broken.clear()
    with pytest.raises(LaunchFault, match="w-0 on a is set aside for 55 s: no such disk"):
        hosts.launch("w", 2)
    assert hosts.running() == ["w-1", "w-2", "w-3"], "what could be started was"
    hosts.now += 61
    hosts.launch("w", 1)
    assert "w-0" in hosts.running()


def test_a_fault_in_a_row_doubles_the_time() -> None:
    faults, now = Faults(), 0.0
    for seconds in (60, 120, 240, 480, 600, 600):
        assert faults.add("v-0", "broken", now).until == now + seconds
        assert faults.fault("v-0", now + seconds - 1)
        now += seconds
        assert faults.fault("v-0", now) is None
    assert faults.add("v-0", "broken", now + 10_000).times == 1, "that is long ago"


def test_a_launch_waits_for_a_slot_and_longer_each_time(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.launch("v", 1)
    for patience in (5, 10, 20, 40, 80, 120, 120):
        began = hosts.now
        with pytest.raises(LaunchFault, match="all 1 run"):
            hosts.launch("v", 1)
        assert hosts.now - began == patience
    (slot,) = hosts.fleet.refresh()
    hosts["a"].stop(slot.instance)
    hosts.meanwhile = hosts.fleet.refresh
    hosts.launch("v", 1)
    assert hosts.running() == ["v-0"]
    hosts.meanwhile = lambda: None
    began = hosts.now
    with pytest.raises(LaunchFault):
        hosts.launch("v", 1)
    assert hosts.now - began == 5, "what worked is asked for with new hope"


def test_a_silent_host_keeps_what_ran_there_and_is_not_used(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.launch("w", 1)
    hosts["a"].silent = "no answer from 10.0.0.1"
    assert hosts.running() == ["w-0"]
    hosts.launch("w", 2)
    assert hosts.running() == ["w-0", "w-1", "w-3"]
    with pytest.raises(
        LaunchFault, match=r"w-2 on a cannot be reached: no answer from 10\.0\.0\.1"
    ):
        hosts.launch("w", 1)
    hosts["a"].silent = ""
    hosts.now += 60
    until(lambda: not hosts.fleet.refresh() or not _fails(hosts, "w"))
    assert hosts.running() == ["w-0", "w-1", "w-2", "w-3"]


def _fails(hosts: FakeHosts, worker_group: str) -> bool:
    try:
        hosts.launch(worker_group, 1)
    except LaunchFault:
        return True
    return False


def test_a_host_that_dies_while_it_starts_is_replaced(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts["a"].silent = "connection reset"
    hosts.launch("w", 1)
    assert hosts.running() == ["w-1"]


def test_what_is_being_started_is_not_yet_told_and_not_taken_twice(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts["a"].gate.clear()
    launch = threading.Thread(target=hosts.launch, args=("w", 1))
    launch.start()
    hosts.launch("w", 1)
    assert hosts.running() == ["w-1"]
    hosts["a"].gate.set()
    launch.join()
    assert hosts.running() == ["w-0", "w-1"]


def test_a_stop_is_for_the_start_it_names(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.launch("v", 1)
    (first,) = hosts.fleet.refresh()
    hosts["a"].restart("v-0")
    (second,) = hosts.fleet.refresh()
    assert first.instance != second.instance
    hosts.fleet.stop(first.instance)
    hosts.fleet.refresh()
    assert hosts.running() == ["v-0"]
    hosts.fleet.stop(second.instance)
    until(lambda: hosts.running() == [])
    assert hosts["a"].log == ["start v-0", "stop v-0"]


def test_a_stop_waits_for_a_silent_host(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.launch("v", 1)
    (slot,) = hosts.fleet.refresh()
    hosts["a"].silent = "down"
    hosts.fleet.refresh()
    hosts.fleet.stop(slot.instance)
    assert hosts.running() == ["v-0"]
    hosts["a"].silent = ""
    hosts.now += 100
    until(lambda: hosts.running() == [])
    assert hosts["a"].log[-1] == "stop v-0"


def test_a_process_that_cannot_stay_up_is_given_up(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.launch("v", 1)
    for _ in range(3):
        hosts.now += 5
        hosts["a"].restart("v-0")
        hosts.fleet.refresh()
    until(lambda: hosts.running() == [])
    with pytest.raises(LaunchFault, match="its process ended 3 times within 120 s"):
        hosts.launch("v", 1)


def test_a_process_that_ends_now_and_then_is_left_alone(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.launch("v", 1)
    for _ in range(6):
        hosts.now += 100
        hosts["a"].restart("v-0")
        assert hosts.running() == ["v-0"]


def test_hosts_come_and_go(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.launch("w", 2)
    hosts.fleet.set_hosts(hosts.addresses[:1])
    assert hosts.running() == ["w-0"]
    assert hosts["b"].log[-1] == "close"
    hosts.fleet.set_hosts(hosts.addresses)
    assert hosts.running() == ["w-0", "w-1"]


def test_a_slot_that_stops_is_neither_free_nor_gone(hosts: FakeHosts) -> None:
    hosts["a"].restart("v-0")
    hosts["a"].slots["v-0"] = replace(hosts["a"].slots["v-0"], state=SlotState.STOPPING)
    assert hosts.running() == ["v-0"]
    with pytest.raises(LaunchFault, match="v-0 on a is stopping"):
        hosts.launch("v", 1)


def test_no_more_slots_are_started_a_minute_than_is_allowed(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.fleet.set_rate(2)
    with pytest.raises(LaunchFault, match=r"2 of 4 not started: max_launches_per_minute \(2\)"):
        hosts.launch("w", 4)
    assert len(hosts.running()) == 2
    hosts.now += 60
    hosts.launch("w", 1)
    hosts.fleet.set_rate(None)
    hosts.launch("w", 1)
    assert len(hosts.running()) == 4


def test_what_happens_is_told_once(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts["a"].broken["w-0"] = "no such disk"
    hosts.launch("w", 1)
    assert hosts.told(Kind.FAULT) == ["w-0 on a is set aside for 60 s: no such disk"]
    assert hosts.told(Kind.START) == ["started w-1 on b within 0.0 s"]
    assert hosts.fleet.troubles()["set_aside"] == [
        {"slot": "w-0", "host": "a", "times": 1, "reason": "no such disk"}
    ]
    hosts["a"].silent = "down"
    for _ in range(3):
        hosts.fleet.refresh()
        hosts.now += 60
    assert hosts.told(Kind.SILENT) == ["a does not answer: down"]
    assert hosts.fleet.troubles()["silent"] == [{"host": "a", "reason": "down"}]
    hosts["a"].silent = ""
    until(lambda: bool(hosts.fleet.refresh()) and bool(hosts.told(Kind.BACK)))
    assert hosts.told(Kind.BACK) == ["a answers again"]


def test_it_can_be_asked_why_a_worker_group_has_no_slot(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    assert hosts.fleet.why_no_slot("v") is None
    hosts["a"].silent = "down"
    hosts.fleet.refresh()
    assert hosts.fleet.why_no_slot("w") is None, "there is another host"
    why = hosts.fleet.why_no_slot("v")
    assert why == "no free slot of worker group v: v-0 on a cannot be reached: down"


def test_a_worker_that_apply_starts_meanwhile_is_not_started_twice(hosts: FakeHosts) -> None:
    hosts["a"].silent = hosts["b"].silent = "refuses the head's key"
    hosts.fleet.refresh()

    lock = threading.Lock()

    def apply() -> None:
        """It starts two workers, and the hosts answer the head from then on."""
        with lock:  # the clock stands still for all launches until that is done
            if not hosts["a"].silent:
                return
            for name, slot in (("a", "w-0"), ("b", "w-1")):
                hosts[name].silent = ""
                hosts[name].restart(slot)
            hosts.now += 3
            until(lambda: len(hosts.running()) == 2)

    hosts.meanwhile = apply
    hosts.launch("w", 2)
    assert hosts.running() == ["w-0", "w-1"]
    hosts.launch("w", 1)
    assert hosts.running() == ["w-0", "w-1", "w-2"], "Ray knows of those two by now"


def test_a_launch_waits_for_the_apply_that_holds_slots_back(hosts: FakeHosts) -> None:
    for name in ("w-0", "w-2"):
        hosts["a"].slots[name] = replace(hosts["a"].slots[name], held=True)
    for name in ("w-1", "w-3"):
        hosts["b"].slots[name] = replace(hosts["b"].slots[name], held=True)
    hosts.fleet.refresh()
    waits = itertools.count()

    def apply() -> None:
        if next(waits) == 40:  # 20 s: longer than a launch waits for anything else
            hosts["b"].restart("w-1")
        hosts.fleet.refresh()

    hosts.meanwhile = apply
    hosts.launch("w", 1)
    assert hosts.running() == ["w-1"]


@pytest.fixture
def sleeper() -> FakeHosts:
    """Two hosts of one slot each; b has a power driver, whose commands are ``done``."""
    hosts = FakeHosts({"a": ["w-0"], "b": ["w-1"]})
    hosts.power["b"] = Power(("wake", "b"), ("sleep", "b"), timeout_s=30, idle_s=300)
    hosts.fleet.set_hosts(hosts.addresses)
    return hosts


def test_a_host_that_sleeps_is_woken_only_when_no_other_has_room(sleeper: FakeHosts) -> None:
    sleeper["b"].silent = "no route to host"
    sleeper.fleet.refresh()
    assert sleeper.fleet.troubles() == {
        "silent": [],
        "asleep": [{"host": "b"}],
        "set_aside": [],
    }
    sleeper.launch("w", 1)
    assert (sleeper.running(), sleeper.done) == (["w-0"], [])
    sleeper.meanwhile = lambda: setattr(sleeper["b"], "silent", "")
    sleeper.launch("w", 1)
    assert sleeper.done == [("wake", "b")]
    until(lambda: sleeper.running() == ["w-0", "w-1"])
    assert sleeper.told(Kind.WAKE) == ["b is woken"]


def test_a_host_that_does_not_wake_is_set_aside(sleeper: FakeHosts) -> None:
    sleeper["b"].silent = "no route to host"
    sleeper.fleet.refresh()
    sleeper.launch("w", 1)
    late = "w-1 on b: was woken, and does not answer within 30 s: no route to host"
    with pytest.raises(LaunchFault, match=late):
        sleeper.launch("w", 1)
    assert sleeper.fleet.why_no_slot("w") is not None
    sleeper.broken_driver = "BMC is busy"
    sleeper.now += 700
    with pytest.raises(LaunchFault, match="w-1 on b: BMC is busy"):
        sleeper.launch("w", 1)


def test_a_host_without_work_is_put_to_sleep_once(sleeper: FakeHosts) -> None:
    sleeper.fleet.refresh()
    sleeper.launch("w", 2)
    (worker,) = (s for s in sleeper.fleet.refresh() if s.host == "b")
    sleeper.now += 1000
    sleeper.fleet.refresh()
    sleeper.fleet.stop(worker.instance)
    until(lambda: sleeper.running() == ["w-0"])
    assert sleeper.done == []
    sleeper.now += 301
    sleeper["b"].rests = "adbray-head@other.service runs here"
    sleeper.fleet.refresh()
    sleeper.fleet.refresh()
    until(lambda: "does not rest" in sleeper["b"].log)
    sleeper.now += 301
    sleeper["b"].rests = ""
    until(lambda: not sleeper.fleet.refresh() or bool(sleeper.done))
    assert sleeper.done == [("sleep", "b")]
    until(lambda: bool(sleeper.told(Kind.SLEEP)))
    assert sleeper.told(Kind.SILENT) == []
    until(lambda: sleeper.fleet.troubles()["asleep"] == [{"host": "b"}])
