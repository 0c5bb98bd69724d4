"""A launch starts free slots, waits for one that is not free yet, and replaces what fails."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import pytest

from adbray_ctl.provider.launches import LaunchFault
from adbray_ctl.provider.model import Slot, SlotState
from adbray_ctl.provider.views import HostViews
from tests.unit.provider.hosts import FakeHosts, until


def test_a_launch_starts_the_first_free_slots(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.launch("w", 3)
    assert hosts.running() == ["w-0", "w-1", "w-2"]
    hosts.launch("v", 1)
    assert hosts.running() == ["v-0", "w-0", "w-1", "w-2"]


def test_a_launch_without_a_free_slot_fails_with_the_reasons(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts["a"].slots["v-0"] = replace(hosts["a"].slots["v-0"], held=True)
    hosts.fleet.refresh()
    with pytest.raises(LaunchFault, match="v-0 on a is held back"):
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


def test_a_start_that_was_seen_before_it_failed_is_no_worker(hosts: FakeHosts) -> None:
    """A tick may ask a host while a unit of it activates."""
    hosts.fleet.refresh()
    host = hosts["a"]
    host.broken["w-0"] = "no such disk"
    start = host.start

    def seen(slot: str, *, least: bool = False) -> Slot:
        host.restart(slot)
        hosts.fleet.refresh()
        host.slots["w-0"] = replace(host.slots["w-0"], state=SlotState.STOPPED)
        return start(slot, least=least)

    host.start = seen  # type: ignore[method-assign]
    hosts.launch("w", 1)
    assert hosts.running() == ["w-1"]


def test_each_failed_launch_doubles_how_long_the_next_waits(hosts: FakeHosts) -> None:
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


def test_a_launch_goes_to_another_host_when_one_dies(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts["a"].silent = "connection reset"
    hosts.launch("w", 1)
    assert hosts.running() == ["w-1"]


def test_a_slot_that_is_being_started_is_hidden_from_ray_and_not_started_twice(
    hosts: FakeHosts,
) -> None:
    hosts.fleet.refresh()
    hosts["a"].gate.clear()
    launch = threading.Thread(target=hosts.launch, args=("w", 1))
    launch.start()
    # Both would take w-0: it is this one's before the other begins.
    until(hosts.fleet._reservations.starting)
    hosts.launch("w", 1)
    assert hosts.running() == ["w-1"]
    hosts["a"].gate.set()
    launch.join()
    assert hosts.running() == ["w-0", "w-1"]


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


def test_a_worker_that_comes_to_be_seen_while_a_slot_is_chosen_is_not_started_twice(
    hosts: FakeHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hosts show their workers and their free slots in one answer, at any moment."""
    hosts["a"].silent = hosts["b"].silent = "refuses the head's key"
    hosts.fleet.refresh()
    hosts["a"].restart("w-0")
    hosts["a"].silent = ""
    hosts.now += 3
    real = HostViews.slots

    def slots(views: HostViews) -> list[Slot]:
        seen = real(views)
        if threading.current_thread() is not threading.main_thread():  # it is the launch's own look
            views.ask()
            views.collect()
        return seen

    monkeypatch.setattr(HostViews, "slots", slots)
    hosts.launch("w", 1)
    monkeypatch.undo()
    assert hosts.running() == ["w-0"]


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
