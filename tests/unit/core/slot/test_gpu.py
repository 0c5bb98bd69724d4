"""Allocation units of 1/n: the arithmetic, what cannot be cut, and what plan and status tell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adbray_ctl.core.observed.gpus import GpuCard, GpuReading
from adbray_ctl.core.observed.hosts import HostFacts, HostObservation, Observed
from adbray_ctl.core.observed.status import group_status
from adbray_ctl.core.placement.ledger import Capacity
from adbray_ctl.core.slot.gpu import (
    Card,
    Isolation,
    in_words,
    mig_profiles,
    share_of,
    slice_mb,
    thread_percentage,
    unservable,
)
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.group import RayClusterSpec
from adbray_ctl.core.spec.impact import Impact
from adbray_ctl.services.observe import capacities
from tests.unit.cluster import applied, placed, planned

H100 = Card(model="NVIDIA H100 80GB HBM3", memory_mb=81559)
GIB_80 = Card(memory_mb=80 * 1024)


def fleet(**capacity: Any) -> Fleet:
    host = {"name": "a", "address": "10.0.0.1"} | ({"capacity": capacity} if capacity else {})
    return Fleet.model_validate({"kind": "Fleet", "hosts": [host]})


def spec(unit: int | str, isolation: str | None, workers: int = 2) -> RayClusterSpec:
    group = {
        "name": "s",
        "type": "GPU",
        "size": "small",
        "allocation_unit": unit,
        "isolation": isolation,
        "min_workers": workers,
    }
    return RayClusterSpec.model_validate(
        {"kind": "RayCluster", "name": "demo", "redis": {"mode": "none"}, "worker_groups": [group]}
    )


def rooms(card: Card | None = H100, gpus: int = 2) -> dict[str, Capacity | str]:
    return {"a": Capacity(cpus=99, memory_mb=2**20, disk_gb=9999, gpus=gpus, card=card)}


# --- arithmetic


# Every model and memory as its driver tells them, and what is sold as that.
@pytest.mark.parametrize(
    ("model", "memory_mb", "profiles"),
    [
        ("NVIDIA A30", 24576, {4: "1g.6gb", 2: "2g.12gb"}),
        ("NVIDIA A100-SXM4-40GB", 40960, {7: "1g.5gb", 4: "1g.10gb", 3: "2g.10gb", 2: "3g.20gb"}),
        ("NVIDIA A100-SXM4-80GB", 81920, {7: "1g.10gb", 4: "1g.20gb", 3: "2g.20gb", 2: "3g.40gb"}),
        ("NVIDIA H100 80GB HBM3", 81559, {7: "1g.10gb", 4: "1g.20gb", 3: "2g.20gb", 2: "3g.40gb"}),
        ("NVIDIA H100 NVL", 95830, {7: "1g.12gb", 4: "1g.24gb", 3: "2g.24gb", 2: "3g.47gb"}),
        ("NVIDIA H200", 143771, {7: "1g.18gb", 4: "1g.35gb", 3: "2g.35gb", 2: "3g.71gb"}),
        ("NVIDIA B200", 183359, {7: "1g.23gb", 4: "1g.45gb", 3: "2g.45gb", 2: "3g.90gb"}),
        ("h100", 80 * 1024, {7: "1g.10gb", 4: "1g.20gb", 3: "2g.20gb", 2: "3g.40gb"}),
        ("NVIDIA A10", 23028, None),
        ("A100", 24576, None),
        ("", 81920, None),
    ],
)
def test_mig_profiles(model: str, memory_mb: int, profiles: dict[int, str] | None) -> None:
    assert mig_profiles(Card(model=model, memory_mb=memory_mb)) == profiles


@settings(deadline=None)
@given(st.integers(1024, 300_000), st.integers(2, 16))
def test_slices_of_mps_are_never_more_than_the_card(memory_mb: int, n: int) -> None:
    card = Card(memory_mb=memory_mb)
    held = share_of(card, n, Isolation.MPS)
    assert held.memory_mb == slice_mb(card, n) > 0
    assert n * held.memory_mb <= memory_mb < n * (held.memory_mb + 1)
    assert 0 < n * thread_percentage(n) <= 100


def test_what_is_servable_has_a_share_and_what_is_not_says_what_is() -> None:
    for n in range(2, 17):
        why = unservable(H100, n, Isolation.MIG)
        if n in (2, 3, 4, 7):
            assert why is None
            assert share_of(H100, n, Isolation.MIG).profile
        else:
            assert why is not None
            assert "1/2, 1/3, 1/4 or 1/7" in why
        assert unservable(H100, n, Isolation.MPS) is None
        assert unservable(None, n, Isolation.NONE) is None
        assert "gpu_memory_gb" in (unservable(None, n, Isolation.MPS) or "")


# --- what a person is told


@pytest.mark.parametrize(
    ("card", "n", "isolation", "text"),
    [
        (GIB_80, 3, Isolation.MPS, "1/3 of a card (80 GiB) = 26.6 GiB and 33 % of the processors,"),
        (H100, 3, Isolation.MIG, "MIG instance 2g.20gb, 20 GB and 2/7 of the processors"),
        (
            Card(model="A30", memory_mb=24576),
            2,
            Isolation.MIG,
            "MIG instance 2g.12gb, 12 GB and 2/4 of the processors",
        ),
        (GIB_80, 3, Isolation.NONE, "= 26.6 GiB, not isolated: nothing holds a worker to it"),
        (None, 3, None, "1/3 of a card of unknown memory, not isolated"),
    ],
)
def test_words(card: Card | None, n: int, isolation: Isolation | None, text: str) -> None:
    assert text in in_words(card, n, isolation)


def test_a_plan_prints_the_arithmetic_once_a_worker_group() -> None:
    found = planned(fleet(), spec("1/3", "mps", 4), capacities=rooms(GIB_80))
    (line,) = found.units
    assert line.startswith("s: 1/3 of a card (80 GiB) = 26.6 GiB and 33 % of the processors, held")
    assert planned(fleet(), spec(2, None, 1), capacities=rooms()).units == ()


@pytest.mark.parametrize(
    ("unit", "isolation", "text"),
    [("1/3", "none", "1/3 not isolated"), ("1/3", "mps", "1/3 mps"), (2, None, "2")],
)
def test_status_tells_what_holds_a_worker(unit: int | str, isolation: str, text: str) -> None:
    group = spec(unit, isolation, 1)
    topology = placed(fleet(), group, capacities=rooms())
    status = group_status("demo", applied(fleet(), group, topology))
    assert {slot.slot: slot.gpu for slot in status.slots} == {"head": "", "s-0": text}


# --- where the card is known from


@pytest.mark.parametrize(
    ("declared", "detected", "card"),
    [
        ({}, None, None),
        ({}, H100, H100),
        ({"gpu_model": "A100"}, None, None),
        ({"gpu_memory_gb": 80.0}, None, GIB_80),
        ({"gpu_model": "A100"}, H100, Card(model="A100", memory_mb=81559)),
        ({"gpu_memory_gb": 40.0}, H100, Card(model=H100.model, memory_mb=40 * 1024)),
    ],
)
def test_what_is_declared_goes_before_what_is_detected(
    declared: dict[str, Any], detected: Card | None, card: Card | None
) -> None:
    cards = (
        [GpuCard(index=0, name=detected.model, memory_mb=detected.memory_mb)] if detected else []
    )
    gpu = GpuReading(cards=len(cards), found=tuple(cards))
    facts = HostFacts(cpus=8, memory_mb=2**15, gpus=1, gpu=gpu)
    seen = Observed(hosts=(HostObservation(host="a", facts=facts),))
    room = capacities(fleet(**declared), seen)["a"]
    assert isinstance(room, Capacity)
    assert room.card == card


def test_a_lost_card_does_not_hide_what_the_others_are() -> None:
    found = (
        GpuCard(index=0, name=H100.model, memory_mb=H100.memory_mb),
        GpuCard(index=1, faults=("NVML says of it: the GPU is lost",)),
    )
    gpu = GpuReading(cards=2, found=found)
    facts = HostFacts(cpus=8, memory_mb=2**15, gpus=2, gpu=gpu)
    assert facts.card == H100


# --- what a change does


def change(before: RayClusterSpec, after: RayClusterSpec, card: Card = H100) -> Any:
    standing = applied(fleet(), before, placed(fleet(), before, capacities=rooms()))
    return planned(fleet(), after, standing, rooms(card))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("1/2", "mps"), ("1/4", "mps")),
        (("1/4", "mps"), ("1/4", "mig")),
        ((1, None), ("1/2", "none")),
        (("1/2", "none"), (1, None)),
    ],
)
def test_cards_are_cut_anew_when_nothing_runs_on_them(
    before: tuple[int | str, str | None], after: tuple[int | str, str | None]
) -> None:
    (step,) = change(spec(*before), spec(*after)).steps
    assert set(step.drain) == {"s-0", "s-1"}, "both at once, whatever max_unavailable says"
    assert "gpu_share" in step.roles
    assert step.roles.index("gpu_share") < step.roles.index("ray_worker")


def test_another_memory_of_the_cards_restarts_who_is_held_to_it() -> None:
    found = change(spec("1/2", "mps"), spec("1/2", "mps"), Card(model="H100", memory_mb=40000))
    shown = {c.node: c.reason for c in found.changes if c.action is Impact.RESTART}
    assert shown.keys() == {"s-0", "s-1"}
    assert shown["s-0"] == "GPU share.memory_mb: 40779 -> 20000"
    whole = change(spec(1, None), spec(1, None), Card(memory_mb=1024))
    assert whole.is_empty


def test_workers_without_slices_roll_and_need_no_role_for_them() -> None:
    after = spec(1, None).model_dump(mode="json")
    after["worker_groups"][0] |= {"env": {"A": "1"}, "isolation": None}
    found = change(spec(1, None), RayClusterSpec.model_validate(after))
    assert [step.drain for step in found.steps] == [("s-0",), ("s-1",)]
    assert not any("gpu_share" in step.roles for step in found.steps)
