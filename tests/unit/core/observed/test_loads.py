"""The order in which nodes are told by what they use."""

from __future__ import annotations

import pytest

from adbray_ctl.core.observed.loads import HostLoads, SortBy, loads_of
from tests.unit.core.slot_loads import SLOTS


@pytest.mark.parametrize(
    ("by", "order"),
    [
        (SortBy.CPU, "102"),
        (SortBy.MEMORY, "012"),
        (SortBy.OBJECTS, "012"),
        (SortBy.SPILLED, "102"),
        (SortBy.DISK, "012"),
        (SortBy.RESTARTS, "201"),
        (SortBy.NAME, "012"),
    ],
)
def test_the_largest_share_comes_first(by: SortBy, order: str) -> None:
    found = loads_of([HostLoads(host="a", at=1, slots=SLOTS)], by)
    assert "".join(one.slot[-1] for one in found.slots) == order


def test_hosts_without_an_answer_are_problems() -> None:
    hosts = [HostLoads(host="a", at=1), HostLoads(host="b", error="gone"), HostLoads(host="c")]
    assert loads_of(hosts, SortBy.CPU).problems == ("b: gone", "c: no answer yet")
