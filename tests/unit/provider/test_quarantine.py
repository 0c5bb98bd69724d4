"""How long a slot that failed is set aside."""

from __future__ import annotations

from adbray_ctl.provider.quarantine import Faults


def test_each_fault_in_a_row_doubles_the_time_a_slot_is_set_aside() -> None:
    faults, now = Faults(), 0.0
    for seconds in (60, 120, 240, 480, 600, 600):
        assert faults.add("v-0", "broken", now).until == now + seconds
        assert faults.fault("v-0", now + seconds - 1)
        now += seconds
        assert faults.fault("v-0", now) is None
    assert faults.add("v-0", "broken", now + 10_000).times == 1, "that is long ago"
