"""What runs is what the hosts report; a silent host keeps its workers."""

from __future__ import annotations

import threading

import pytest

from adbray_ctl.provider.journal import Kind
from adbray_ctl.provider.launches import LaunchFault
from adbray_ctl.provider.model import Slot
from tests.unit.provider.hosts import FakeHosts, until


def test_a_new_fleet_finds_the_workers_that_already_run(hosts: FakeHosts) -> None:
    hosts["a"].restart("w-2")
    assert hosts.running() == ["w-2"]
    hosts.launch("w", 1)
    assert hosts.running() == ["w-0", "w-2"]


def test_a_silent_host_keeps_its_workers_and_gets_no_new_ones(hosts: FakeHosts) -> None:
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


def test_hosts_can_be_removed_and_added(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts.launch("w", 2)
    hosts.fleet.set_hosts(hosts.addresses[:1])
    assert hosts.running() == ["w-0"]
    assert hosts["b"].log[-1] == "close"
    hosts.fleet.set_hosts(hosts.addresses)
    assert hosts.running() == ["w-0", "w-1"]


def test_a_fault_a_start_and_a_silence_are_one_event_each(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    hosts["a"].broken["w-0"] = "no such disk"
    hosts.launch("w", 1)
    assert hosts.texts(Kind.FAULT) == ["w-0 on a is set aside for 60 s: no such disk"]
    assert hosts.texts(Kind.START) == ["started w-1 on b within 0.0 s"]
    assert hosts.fleet.troubles()["set_aside"] == [
        {"slot": "w-0", "host": "a", "times": 1, "reason": "no such disk"}
    ]
    hosts["a"].silent = "down"
    for _ in range(3):
        hosts.fleet.refresh()
        hosts.now += 60
    assert hosts.texts(Kind.SILENT) == ["a does not answer: down"]
    assert hosts.fleet.troubles()["silent"] == [{"host": "a", "reason": "down"}]
    hosts["a"].silent = ""
    until(lambda: bool(hosts.fleet.refresh()) and bool(hosts.texts(Kind.BACK)))
    assert hosts.texts(Kind.BACK) == ["a answers again"]


def test_why_a_worker_group_has_no_slot(hosts: FakeHosts) -> None:
    hosts.fleet.refresh()
    assert hosts.fleet.why_no_slot("v") is None
    hosts["a"].silent = "down"
    hosts.fleet.refresh()
    assert hosts.fleet.why_no_slot("w") is None, "there is another host"
    why = hosts.fleet.why_no_slot("v")
    assert why == "no free slot of worker group v: v-0 on a cannot be reached: down"


def test_many_threads_of_ray_start_and_stop_each_worker_once() -> None:
    names = [f"w-{n}" for n in range(40)]
    hosts = FakeHosts({f"h{n}": names[2 * n : 2 * n + 2] for n in range(20)})
    hosts.fleet.refresh()
    started: list[Slot] = []

    def launch_and_stop() -> None:
        mine: list[Slot] = []
        hosts.fleet.launch("w", 8, started=mine.append)
        started.extend(mine)
        for slot in mine[4:]:
            hosts.fleet.stop(slot.instance)

    threads = [threading.Thread(target=launch_and_stop) for _ in range(5)]
    threads += [threading.Thread(target=hosts.fleet.refresh) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert len({slot.instance for slot in started}) == 5 * 8
    until(lambda: len(hosts.running()) == 5 * 4)
    log = [line for host in hosts.hosts.values() for line in host.log]
    assert sum(line.startswith("start") for line in log) == 5 * 8
    assert sum(line.startswith("stop") for line in log) == 5 * 4
