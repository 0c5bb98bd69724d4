"""Clocks, and programs that wake hosts: in memory and those of this machine."""

from __future__ import annotations

import pytest

from adbray_ctl.adapters.clock import SystemClock
from adbray_ctl.adapters.power import LocalPower
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.protocols.runs import Clock, PowerDriver
from adbray_ctl.testing.clock import FakeClock, FakePower


@pytest.mark.parametrize("clock", [FakeClock(5), SystemClock()], ids=["fake", "real"])
def test_time_goes_on_while_somebody_waits(clock: Clock) -> None:
    now, time = clock.now(), clock.time()
    clock.sleep(0.05)
    assert 0.04 <= clock.now() - now < 5
    assert 0.04 <= clock.time() - time < 5


@pytest.mark.parametrize(
    "power", [FakePower(broken=frozenset({"b"})), LocalPower()], ids=["fake", "real"]
)
def test_a_command_runs_or_says_for_which_host_it_failed(power: PowerDriver) -> None:
    power.run("a", ["true", "x"])
    with pytest.raises(HostError, match="its power driver false ended with 1: ") as caught:
        power.run("b", ["false"])
    assert caught.value.where == "b"
