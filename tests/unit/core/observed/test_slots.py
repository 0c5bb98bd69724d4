"""Every slot that does not run says why and what to do; and what a group lacks is judged once."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from adbray_ctl.core.observed.slots import (
    SlotState,
    SlotStatus,
    failure,
    least_of,
    state_of,
    unready,
    what_lacks,
    why,
)
from adbray_ctl.core.observed.units import KeeperState, KeeperView, UnitState, Wait
from adbray_ctl.core.slot.record import SlotKind, SlotRecord

UNIT = "adbray-worker@g.w-0.service"
RESULTS = (
    *("success", "exit-code", "signal", "core-dump", "timeout", "oom-kill", "watchdog"),
    *("resources", "start-limit-hit", "exec-condition", "protocol", "of a systemd to come", ""),
)
ACTIVE = (
    *("active", "activating", "reloading", "deactivating", "inactive", "failed", "maintenance"),
)
CLEARED = "; the next start clears it; see `adbray logs g w-0`"
OVERRIDDEN = "others have changed the unit by /etc/x.conf"
LOADS = ("loaded", "masked", "not-found", "bad-setting", "error", "")


def record(kind: SlotKind, **fields: Any) -> SlotRecord:
    slot = "w-0" if kind is SlotKind.WORKER else str(kind)
    group = "w" if kind is SlotKind.WORKER else None
    return SlotRecord(
        group="g",
        slot=slot,
        kind=kind,
        address="10.0.0.1",
        worker_group=group,
        block=0,
        ports={},
        namespace="n",
        revision="1",
        **fields,
    )


def unit(active: str, **fields: Any) -> UnitState:
    return UnitState(unit=UNIT, active=active, sub=fields.pop("sub", "x"), **fields)


def slot(kind: SlotKind, state: SlotState, detail: str = "", name: str = "") -> SlotStatus:
    of = record(kind)
    return SlotStatus(
        slot=name or of.slot,
        kind=kind,
        worker_group=of.worker_group,
        host="h",
        address=of.address,
        size=None,
        cpus=0,
        memory_mb=0,
        disk_gb=0,
        state=state,
        detail=detail,
        ports={},
        revision="1",
    )


@pytest.mark.parametrize("kind", SlotKind)
def test_no_state_but_a_good_one_is_without_a_word(kind: SlotKind) -> None:
    """All that systemd can say, in all combinations."""
    for active, sub, load, result, joined in itertools.product(
        ACTIVE, ("auto-restart", "start-pre"), LOADS, RESULTS, (True, False)
    ):
        shown = unit(active, sub=sub, load=load, result=result)
        state, detail = state_of(record(kind), shown, None, joined=joined)
        assert detail or state in (SlotState.RUNNING, SlotState.PREPARED), (shown, joined)
        assert "()" not in why(slot(kind, state, detail), {"w": 1})


@pytest.mark.parametrize(
    ("shown", "state", "detail"),
    [
        (
            unit("failed", result="signal"),
            SlotState.FAILED,
            "its unit failed: a process of it was killed by a signal" + CLEARED,
        ),
        (
            unit("failed", result="timeout", overrides=("/etc/x.conf",)),
            SlotState.FAILED,
            f"its unit failed: its start or stop took too long; {OVERRIDDEN}{CLEARED}",
        ),
        (
            unit("inactive", load="masked"),
            SlotState.FAILED,
            "systemd cannot start it: its unit is masked; `adbray apply` writes it again",
        ),
        (
            unit("activating", sub="auto-restart", restarts=7),
            SlotState.FAILED,
            "it keeps exiting (7 restarts); see `adbray logs g w-0`",
        ),
        (unit("deactivating"), SlotState.PREPARED, "is stopping"),
        (unit("inactive"), SlotState.PREPARED, ""),
        (None, SlotState.UNKNOWN, "systemd does not know its unit; `adbray apply` recreates it"),
    ],
)
def test_a_worker_says_what_is_wrong(
    shown: UnitState | None, state: SlotState, detail: str
) -> None:
    assert state_of(record(SlotKind.WORKER), shown, None, joined=False) == (state, detail)


@pytest.mark.parametrize("kind", [SlotKind.HEAD, SlotKind.WORKER])
def test_a_start_that_waits_says_for_what(kind: SlotKind) -> None:
    of, running = record(kind), unit("active", sub="running", restarts=3)
    keeper = KeeperView(state=KeeperState.WAITS, detail="for its turn to start")
    turn = Wait(text="waiting for its turn to start (3 before it)", before=3)
    shown = state_of(of, running, keeper, turn, joined=False)
    assert shown == (SlotState.STARTING, "waiting for its turn to start (3 before it)")
    rest = Wait(text="starts again in 12 s (3 starts failed)", failed=3)
    shown = state_of(of, running, None, rest, joined=False)
    see = f"; see `adbray logs g {of.slot}`"
    assert shown == (SlotState.STARTING, "starts again in 12 s (3 starts failed)" + see)
    assert state_of(of, running, None, turn, joined=True) == (SlotState.RUNNING, "")
    assert state_of(of, unit("failed"), None, turn, joined=False)[0] is SlotState.FAILED


@pytest.mark.parametrize("kind", [SlotKind.HEAD, SlotKind.REDIS])
def test_what_is_no_worker_is_not_prepared_but_stopped(kind: SlotKind) -> None:
    shown = state_of(record(kind), unit("inactive"), None, joined=False)
    assert shown == (SlotState.STOPPED, "its unit is stopped; `adbray apply` starts it")
    slots = [slot(SlotKind.HEAD, SlotState.RUNNING), slot(kind, *shown)]
    assert what_lacks(slots, {}) == (f"{kind} on h is stopped",)


def test_a_failure_without_a_result_is_one_all_the_same() -> None:
    assert failure(unit("failed")) == "its unit failed"


HEAD = slot(SlotKind.HEAD, SlotState.RUNNING)


def worker(number: int, state: SlotState, detail: str = "") -> SlotStatus:
    return slot(SlotKind.WORKER, state, detail, f"w-{number}")


def test_a_stopped_worker_is_missed_below_the_minimum_alone() -> None:
    slots = [HEAD, worker(0, SlotState.RUNNING), worker(1, SlotState.PREPARED)]
    assert unready(slots, {"w": 1}) == ()
    assert what_lacks(slots, {"w": 1}) == ()
    (missed,) = unready(slots, {"w": 2})
    assert missed.slot == "w-1"
    assert why(missed, {"w": 2}) == (
        "prepared (stopped, and fewer than 2 of its group run: the autoscaler starts one)"
    )
    assert what_lacks(slots, {"w": 2}) == ("1 of 2 w run",)


def test_a_group_whose_workers_are_not_seen_lacks_them() -> None:
    assert what_lacks([HEAD], {"w": 2}) == ("0 of 2 w run",)


def test_the_minimum_is_what_the_head_was_told() -> None:
    scaling = {"idle_timeout_s": 60, "worker_groups.w.min_workers": 2, "worker_groups.w.labels": {}}
    assert least_of([record(SlotKind.WORKER), record(SlotKind.HEAD, scaling=scaling)]) == {"w": 2}
    assert least_of([record(SlotKind.WORKER)]) == {}
