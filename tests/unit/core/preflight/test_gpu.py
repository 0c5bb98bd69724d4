"""Findings about cards, with readings written by hand: no machine with one was at hand."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.observed.gpus import BurnedCard, BurnIn
from adbray_ctl.core.preflight.findings import GROUP_WIDE, FindingState
from adbray_ctl.core.preflight.gpu import burned
from adbray_ctl.core.preflight.readings import Check
from tests.unit.core.healthy_host import FLEET, judge, only_bad

CARD: dict[str, Any] = {"on_pci": 1, "cards": 1, "driver": "550.54.15"}
L4: dict[str, Any] = {"index": 0, "name": "NVIDIA L4", "memory_mb": 23034}


@pytest.mark.parametrize(
    ("changed", "state", "found"),
    [
        (
            {"reboot": "driver 535.1 is loaded and 550.1 is installed"},
            FindingState.FAIL,
            "550.1 is",
        ),
        ({"error": "NVML gave no answer within 8 s"}, FindingState.FAIL, "no answer"),
        (
            {"found": ({"index": 1, "faults": ("XID 79: gone",)},)},
            FindingState.FAIL,
            "GPU 1: XID 79",
        ),
        (
            {"found": (L4 | {"complaints": ("PCIe x4 of x16", "95 C")},)},
            FindingState.WARN,
            "GPU 0 (NVIDIA L4): PCIe x4 of x16, 95 C",
        ),
    ],
)
def test_a_card_that_is_there_and_not_well(
    changed: dict[str, Any], state: FindingState, found: str
) -> None:
    bad = only_bad(judge(gpu=CARD | changed))
    assert (bad.check, bad.state) == (Check.GPU, state)
    assert found in bad.found
    assert bad.remedy


def test_healthy_cards_are_told_by_model() -> None:
    gpu = {"on_pci": 2, "cards": 2, "driver": "550.54.15", "found": (L4, L4 | {"index": 1})}
    (shown,) = (one for one in judge(gpu=gpu) if one.check is Check.GPU)
    assert (shown.state, shown.found) == (
        FindingState.OK,
        "2 cards, driver 550.54.15: 2 x NVIDIA L4, 22 GiB",
    )


def test_a_burn_in_tells_of_each_card() -> None:
    good = BurnedCard(index=0, name="NVIDIA T4", passes=41, mb=4096)
    wrong = BurnedCard(index=1, passes=3, fault="wrong data: ffffffff came back changed")
    busy = BurnedCard(index=2, fault="cuDevicePrimaryCtxRetain: ...", busy=True)
    answers = (BurnIn(host="a", cards=(good, wrong, busy)), BurnIn(host="b", error="no answer"))
    found = [(one.host, one.state, one.found) for one in burned(answers)]
    assert found == [
        ("a", FindingState.OK, "GPU 0 (NVIDIA T4): 41 passes over 4096 MiB, all data right"),
        ("a", FindingState.FAIL, "GPU 1: wrong data: ffffffff came back changed"),
        ("a", FindingState.SKIPPED, "GPU 2: no burn-in, others have it, or all of its memory"),
        ("b", FindingState.FAIL, "burn-in: no answer"),
    ]


def test_a_burn_in_without_a_card_says_so() -> None:
    (found,) = burned(())
    assert (found.host, found.state) == (GROUP_WIDE, FindingState.SKIPPED)


@pytest.mark.parametrize(
    ("host", "state", "way_out"),
    [
        ({"capacity": {"gpus": 1}}, FindingState.FAIL, "lower capacity.gpus"),
        ({"gpu": {"driver": "distro"}}, FindingState.WARN, "take `gpu` of this host out"),
    ],
)
def test_a_card_that_is_not_there_is_told_with_what_is_installed(
    host: dict[str, Any], state: FindingState, way_out: str
) -> None:
    hosts = [{"name": "a", "address": "10.0.0.1"} | host]
    fleet = FLEET.model_validate({"kind": "Fleet", "hosts": hosts})
    bad = only_bad(judge(fleet, gpu={"installed": "535.1"}))
    assert (bad.state, bad.found) == (state, "no GPU found; driver 535.1 is not loaded")
    assert way_out in bad.remedy
