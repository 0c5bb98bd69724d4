"""A worker is stopped once its host can be reached; one that cannot stay up is given up."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from adbray_ctl.provider.launches import LaunchFault
from adbray_ctl.provider.model import Slot, SlotState
from tests.unit.provider.hosts import FakeHosts, until


def test_a_stop_leaves_a_later_start_of_the_slot_running(hosts: FakeHosts) -> None:
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


def test_a_stopping_slot_is_shown_to_ray_and_cannot_be_started(hosts: FakeHosts) -> None:
    hosts["a"].restart("v-0")
    hosts["a"].slots["v-0"] = replace(hosts["a"].slots["v-0"], state=SlotState.STOPPING)
    assert hosts.running() == ["v-0"]
    with pytest.raises(LaunchFault, match="v-0 on a is stopping"):
        hosts.launch("v", 1)


def test_a_late_answer_to_a_stop_does_not_hide_a_later_start(
    hosts: FakeHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.fleet.refresh()
    hosts.launch("v", 1)
    (first,) = hosts.fleet.refresh()
    stop, answered = hosts["a"].stop, threading.Event()

    def stop_and_answer_late(instance: str) -> Slot:
        answer = stop(instance)
        hosts.fleet.refresh()
        hosts.launch("v", 1)
        answered.set()
        return answer

    monkeypatch.setattr(hosts["a"], "stop", stop_and_answer_late)
    hosts.fleet.stop(first.instance)
    assert answered.wait(60)
    until(lambda: not hosts.fleet._stops._stopping)
    with pytest.raises(LaunchFault, match="all 1 run"):
        hosts.launch("v", 1)
