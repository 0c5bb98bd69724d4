"""What is an orphan and what is not, and which of them may go without more ado."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from adbray_ctl.core.observed.hosts import HostObservation, Observed, Trace
from adbray_ctl.core.observed.units import ObservedSlot, UnitState
from adbray_ctl.core.orphans import (
    NO_GROUP,
    Leftovers,
    Made,
    Orphan,
    OrphanKind,
    Stray,
    beside_groups,
    group_of,
    in_redis,
    on_hosts,
)
from adbray_ctl.core.preflight.redis import Namespace
from adbray_ctl.core.slot.record import SlotKind, SlotRecord
from adbray_ctl.core.spec.strings import RESERVED_NAMES

URL = "redis://10.0.0.9:6379"


def record(group: str, namespace: str, slot: str = "head") -> SlotRecord:
    kind = SlotKind.HEAD if slot == "head" else SlotKind.WORKER
    return SlotRecord(
        group=group,
        slot=slot,
        kind=kind,
        address="10.0.0.1",
        block=0,
        ports={},
        namespace=namespace,
        unit=f"adbray-{kind}@{group}.service",
        revision="r",
    )


def host(
    name: str, *records: SlotRecord, active: str = "inactive", bare: tuple[str, ...] = ()
) -> HostObservation:
    """A host with these slots; of the groups ``bare`` it has a directory alone."""
    groups = dict.fromkeys([*(r.group for r in records), *bare])
    return HostObservation(
        host=name,
        slots=tuple(ObservedSlot(record=r, applied_at=5.0) for r in records),
        units=tuple(UnitState(unit=r.unit, active=active, sub="") for r in records),
        groups=tuple(groups),
        traces=tuple(Trace(group=g, what=(f"/etc/adbray/{g}",), changed_at=7.0) for g in groups),
    )


def seen(*hosts: HostObservation) -> Observed:
    return Observed(hosts=hosts)


def only(found: Iterator[Orphan]) -> Orphan:
    (orphan,) = found
    return orphan


def test_a_group_with_a_file_is_no_orphan() -> None:
    observed = seen(host("a", record("mine", "mine-00000001")), host("b", bare=("mine",)))
    assert not list(on_hosts(observed, ("mine",), Made()))


def test_a_group_without_a_file_is_one_on_each_of_its_hosts() -> None:
    head = record("old", "old-00000001")
    observed = seen(host("a", head, active="active"), host("b", bare=("old",)), host("c"))
    found = list(on_hosts(observed, ("mine",), Made()))
    assert [(o.kind, o.place, o.name, o.runs) for o in found] == [
        (OrphanKind.GROUP, "a", "old", True),
        (OrphanKind.GROUP, "b", "old", False),
    ]
    assert found[0].what == ("slot head", "/etc/adbray/old")
    assert found[0].changed_at == 7.0
    assert found[0].remedy == "`adbray orphans --remove old`"


@pytest.mark.parametrize(
    ("made", "run"),
    [
        (Made(), None),
        (Made(groups={"old": 4}, namespaces={"old-00000001": 3}), 3),
        # Another project has chosen the same name.
        (Made(groups={"old": 4}, namespaces={"old-00000002": 4}), None),
    ],
)
def test_whose_it_is_tells_its_namespace(made: Made, run: int | None) -> None:
    found = only(on_hosts(seen(host("a", record("old", "old-00000001"))), (), made))
    assert (found.run, found.guarded) == (run, run is None)
    assert found.removable


def test_without_records_its_name_must_do() -> None:
    made = Made(groups={"old": 4})
    assert only(on_hosts(seen(host("a", bare=("old",))), (), made)).whose == "run 4 here"


def test_what_runs_is_guarded_whoever_made_it() -> None:
    made = Made(namespaces={"old-00000001": 3})
    running = host("a", record("old", "old-00000001"), active="activating")
    assert only(on_hosts(seen(running), (), made)).guarded


def test_who_changed_it_last_is_told() -> None:
    trace = Trace(group="old", what=("u",), changed_by="ops@there, pid 7: apply old")
    observed = seen(HostObservation(host="a", traces=(trace,)))
    assert only(on_hosts(observed, (), Made())).whose == "ops@there, pid 7: apply old"


def test_a_name_that_no_group_has_is_left_alone() -> None:
    found = only(on_hosts(seen(host("a", bare=("*",))), (), Made()))
    assert not found.removable
    assert "destroy" not in found.remedy


def test_slots_of_an_earlier_life_are_for_apply() -> None:
    observed = seen(
        host("a", record("mine", "mine-00000002")),
        host("b", record("mine", "mine-00000001", "w-0"), active="active"),
    )
    found = only(on_hosts(observed, ("mine",), Made()))
    assert (found.kind, found.place, found.runs) == (OrphanKind.SLOTS, "b", True)
    assert found.what == ("slot w-0 of mine-00000001",)
    assert found.remedy == "`adbray apply mine`"
    assert not found.removable


def test_what_groups_share_goes_with_the_last() -> None:
    observed = seen(host("a", bare=("mine",)), host("b"), host("c"))
    left = [
        Leftovers(host="a", shared=("/etc/adbray",), strays=()),
        Leftovers(host="b", shared=("user adbray",), strays=()),
        Leftovers(host="c", shared=(), strays=()),
    ]
    found = only(beside_groups(observed, left))
    assert (found.kind, found.place, found.what) == (OrphanKind.SHARED, "b", ("user adbray",))
    assert (found.removable, found.guarded) == (True, False)
    assert NO_GROUP in RESERVED_NAMES


def test_a_process_in_no_unit_is_told_once_it_stays() -> None:
    strays = (Stray(pid=1, name="new", age_s=20), Stray(pid=2, name="raylet", age_s=900))
    left = Leftovers(host="a", shared=(), strays=strays)
    found = only(beside_groups(seen(host("a")), [left]))
    assert (found.kind, found.what) == (OrphanKind.PROCESS, ("process 2 (raylet)",))
    assert not found.removable


@pytest.mark.parametrize(
    ("namespace", "group"),
    [
        ("demo-0123abcd", "demo"),
        ("a-b-c-0123abcd", "a-b-c"),
        ("demo-1", None),
        ("demo-0123ABCD", None),
        ("demo-0123abcd0", None),
        ("-0123abcd", None),
        ("demo", None),
        ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", None),
        ("demo-0123abcd\n", None),
    ],
)
def test_namespaces_of_adbray_s_form(namespace: str, group: str | None) -> None:
    assert group_of(namespace) == group


def test_keys_that_no_host_s_group_has() -> None:
    observed = seen(host("a", record("mine", "mine-00000002")))
    there = [
        Namespace(name="mine-00000002", keys=9, leader="a"),
        Namespace(name="mine-00000001", keys=7, idle_s=60.0),
        Namespace(name="somebody", keys=5),
    ]
    made = Made(namespaces={"mine-00000001": 2})
    found = only(in_redis(URL, there, observed, made, now=1000.0))
    assert (found.kind, found.place, found.name) == (OrphanKind.KEYS, URL, "mine-00000001")
    assert (found.what, found.changed_at, found.run) == (("7 keys",), 940.0, 2)
    assert (found.removable, found.guarded) == (True, False)


def test_keys_of_a_head_that_runs_are_not_to_be_removed() -> None:
    there = [Namespace(name="other-00000001", keys=7, leader="far")]
    found = only(in_redis(URL, there, seen(host("a")), Made(), now=0.0))
    assert found.runs
    assert not found.removable
    assert found.whose == "host far leads it"
    assert found.changed_at is None


def test_every_remedy_is_a_sentence_of_its_own() -> None:
    orphan = only(on_hosts(seen(host("a", bare=("old",))), (), Made()))
    assert re.fullmatch("`.*`", orphan.remedy)
    assert orphan.model_dump(mode="json")["removable"] is True
