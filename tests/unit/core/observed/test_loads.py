"""The order in which nodes are told by what they use."""

from __future__ import annotations

import pytest

from adbray_ctl.core.observed.loads import HostLoads, SlotLoad, SortBy, loads_of


def slot(name: str, **shown: object) -> SlotLoad:
    plain = {
        "host": "a",
        "group": "demo",
        "slot": name,
        "kind": "worker",
        "runs": True,
        "cpus": 4,
        "cores": None,
        "memory": None,
        "memory_limit": 2**30,
        "objects": None,
        "spilled": 0,
        "disk": None,
        "disk_size": None,
        "restarts": 0,
    }
    return SlotLoad.model_validate(plain | shown)


SLOTS = (
    slot("w-0", cores=2.0, memory=2**29, objects=5, disk=9, disk_size=10),
    slot("w-1", cores=1.5, cpus=2, memory=2**28, spilled=7, disk=900, disk_size=10000),
    slot("w-2", runs=False, restarts=2),
)


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
