"""Who leads, what a standby's slot is, and how far a group is protected."""

from __future__ import annotations

import pytest

from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.observed.protection import Level
from adbray_ctl.core.observed.ray import RayNode, RayView
from adbray_ctl.core.observed.slots import SlotState
from adbray_ctl.core.observed.status import group_status
from adbray_ctl.core.observed.units import KeeperState, KeeperView, ObservedSlot, UnitState
from adbray_ctl.core.slot.record import ExternalRedis, SlotKind, SlotRecord

VIRTUAL = "10.0.0.100"
UNIT = "adbray-head@g.service"
LEADS, WAITS = KeeperState.LEADS, KeeperState.WAITS


def record(slot: str, kind: SlotKind = SlotKind.HEAD, **changes: object) -> SlotRecord:
    unit = UNIT if kind is SlotKind.HEAD else "adbray-redis@g.service"
    found = SlotRecord(
        group="g",
        slot=slot,
        kind=kind,
        address=VIRTUAL,
        block=0,
        ports={"gcs": 6379, "dashboard": 8265, "client": 10001, "redis": 1},
        namespace="g-0",
        unit=unit,
        revision="1",
    )
    return found.model_copy(update=changes)


def host(name: str, *slots: ObservedSlot, error: str | None = None) -> HostObservation:
    heads = [slot for slot in slots if slot.record.kind is SlotKind.HEAD]
    alive = RayNode(node_id="n", address=VIRTUAL, alive=True, is_head=True)
    return HostObservation(
        host=name,
        slots=slots,
        units=tuple(
            UnitState(unit=slot.record.unit, active="active", sub="running") for slot in slots
        ),
        groups=("g",),
        ray=tuple(
            RayView(group="g", error="b leads")
            if slot.keeper and slot.keeper.state is WAITS
            else RayView(group="g", nodes=(alive,))
            for slot in heads
        ),
        error=error,
    )


def slot(of: SlotRecord, state: KeeperState | None = None, leader: str = "") -> ObservedSlot:
    keeper = KeeperView(state=state, leader=leader) if state else None
    return ObservedSlot(record=of, applied_at=0, keeper=keeper)


HEAD_WAITS = host("a", slot(record("head"), WAITS, "b"))
HEAD_LEADS = host("a", slot(record("head"), LEADS, "a"))
STANDBY_LEADS = host("b", slot(record("standby-0"), LEADS, "b"))
STANDBY_WAITS = host("b", slot(record("standby-0"), WAITS, "a"))
REDIS = host("c", slot(record("redis", SlotKind.REDIS)))
AWAY = host("c", error="no answer")


@pytest.mark.parametrize(
    ("hosts", "states"),
    [
        ((HEAD_LEADS, STANDBY_WAITS), [SlotState.RUNNING, SlotState.STANDBY]),
        ((HEAD_WAITS, STANDBY_LEADS), [SlotState.STANDBY, SlotState.RUNNING]),
    ],
)
def test_one_runs_and_one_waits(
    hosts: tuple[HostObservation, ...], states: list[SlotState]
) -> None:
    status = group_status("g", Observed(hosts=(*hosts, REDIS)))
    assert [s.state for s in status.slots if s.kind is SlotKind.HEAD] == states
    assert (status.ready, status.problems) == (True, ())
    assert status.addresses is not None
    assert status.addresses.dashboard == f"http://{VIRTUAL}:8265"
    # Of a version in which groups had no such port.
    assert status.addresses.serve is None


def test_while_nobody_leads_nothing_is_ready() -> None:
    nobody = host("b", slot(record("standby-0"), WAITS))
    status = group_status("g", Observed(hosts=(nobody, REDIS)))
    assert not status.ready
    assert status.slots[0].state is SlotState.STARTING


@pytest.mark.parametrize(
    ("hosts", "leading"),
    [
        ((HEAD_LEADS, STANDBY_WAITS), "a"),
        ((HEAD_WAITS, STANDBY_LEADS), "b"),
        # A keeper of a stopped unit tells nothing: the head counts then.
        ((STANDBY_WAITS, host("a", slot(record("head")))), "a"),
    ],
)
def test_the_one_that_leads_is_asked(hosts: tuple[HostObservation, ...], leading: str) -> None:
    observed = Observed(hosts=hosts)
    found = observed.leading("g")
    assert found is not None
    assert found[0] == leading
    head = observed.head("g")
    assert head is not None
    assert (head[0], head[1].slot) == ("a", "head")
    assert observed.leading("other") is None


ROCKSDB = record("head", settings={"gcs_storage": "rocksdb"})
EXTERNAL = record("head", external_redis=ExternalRedis(url="redis://r:1", username="u"))
BESIDE = host("a", slot(record("head"), LEADS, "a"), slot(record("redis", SlotKind.REDIS)))


PORTS = {"redis": 6, "sentinel": 7}
SENTINEL = [
    record(name, SlotKind.REDIS, ports=PORTS, address=f"10.0.0.{n}")
    for n, name in enumerate(("redis", "redis-1", "redis-2"))
]


def sentinel_hosts(*shown: str) -> tuple[HostObservation, ...]:
    """Head and standby with a Redis beside each, and a third; each tells who the primary is."""
    first, second, third = (
        ObservedSlot(record=of, applied_at=0, primary=primary)
        for of, primary in zip(SENTINEL, shown, strict=True)
    )
    leads = host("a", slot(record("head"), LEADS, "a"), first)
    waits = host("b", slot(record("standby-0"), WAITS, "a"), second)
    return (leads, waits, host("c", third))


def test_what_most_sentinels_say_is_the_primary() -> None:
    hosts = sentinel_hosts("10.0.0.0:6", "10.0.0.1:6", "10.0.0.1:6")
    status = group_status("g", Observed(hosts=hosts))
    redis = {s.slot: s.detail for s in status.slots if s.kind is SlotKind.REDIS}
    assert redis == {"redis": "replica", "redis-1": "primary", "redis-2": "replica"}
    assert status.addresses is not None
    assert status.addresses.redis == "10.0.0.1:6"


@pytest.mark.parametrize(
    ("hosts", "level", "why"),
    [
        ((host("a", slot(record("head"), LEADS, "a")),), Level.NONE, "redis.mode"),
        ((host("a", slot(ROCKSDB, LEADS, "a")),), Level.PROCESS, "with its host"),
        ((HEAD_LEADS, REDIS), Level.PROCESS, "head.standby"),
        ((HEAD_LEADS, AWAY), Level.NONE, "no Redis is seen; c gives no answer"),
        ((HEAD_LEADS, REDIS, AWAY), Level.PROCESS, "no waiting standby is seen; c gives no answer"),
        ((host("a", slot(EXTERNAL, LEADS, "a")),), Level.PROCESS, "head.standby"),
        ((HEAD_LEADS, STANDBY_WAITS, REDIS), Level.HOST, "take over: b"),
        ((HEAD_WAITS, STANDBY_LEADS, REDIS), Level.HOST, "take over: a"),
        ((BESIDE, STANDBY_WAITS), Level.PROCESS, "lost with it"),
        (sentinel_hosts("", "", ""), Level.HOST, "take over: b"),
        ((HEAD_LEADS, host("b", slot(record("standby-0"))), REDIS), Level.PROCESS, "no standby"),
    ],
)
def test_the_level_of_protection(
    hosts: tuple[HostObservation, ...], level: Level, why: str
) -> None:
    found = group_status("g", Observed(hosts=hosts)).protection
    assert found is not None
    assert found.level is level
    assert why in found.why


def test_without_a_head_there_is_nothing_to_protect() -> None:
    assert group_status("g", Observed(hosts=(REDIS,))).protection is None
