"""A host with a power driver is woken when no other has room, and sleeps when it has no work."""

from __future__ import annotations

import pytest

from adbray_ctl.provider.journal import Kind
from adbray_ctl.provider.launches import LaunchFault
from adbray_ctl.provider.model import Power
from tests.unit.provider.hosts import FakeHosts, until


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
    assert sleeper.texts(Kind.WAKE) == ["b is woken"]


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
    # The look before may have seen the stop only after it counted who is idle.
    sleeper.fleet.refresh()
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
    until(lambda: bool(sleeper.texts(Kind.SLEEP)))
    assert sleeper.texts(Kind.SILENT) == []
    until(lambda: sleeper.fleet.troubles()["asleep"] == [{"host": "b"}])
