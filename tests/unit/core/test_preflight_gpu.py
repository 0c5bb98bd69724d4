"""Findings about cards, with readings written by hand: no machine with one was at hand."""

from __future__ import annotations

from typing import Any

import pytest

from adbray_ctl.core.findings import State
from adbray_ctl.core.readings import Check
from tests.unit.core.test_preflight import judge, only_bad

CARD: dict[str, Any] = {"on_pci": 1, "cards": 1, "driver": "550.54.15"}
L4: dict[str, Any] = {"index": 0, "name": "NVIDIA L4", "memory_mb": 23034}


@pytest.mark.parametrize(
    ("changed", "state", "found"),
    [
        ({"reboot": "driver 535.1 is loaded and 550.1 is installed"}, State.FAIL, "550.1 is"),
        ({"error": "NVML gave no answer within 8 s"}, State.FAIL, "no answer"),
        ({"found": ({"index": 1, "faults": ("XID 79: gone",)},)}, State.FAIL, "GPU 1: XID 79"),
        (
            {"found": (L4 | {"complaints": ("PCIe x4 of x16", "95 C")},)},
            State.WARN,
            "GPU 0 (NVIDIA L4): PCIe x4 of x16, 95 C",
        ),
    ],
)
def test_a_card_that_is_there_and_not_well(
    changed: dict[str, Any], state: State, found: str
) -> None:
    bad = only_bad(judge(gpu=CARD | changed))
    assert (bad.check, bad.state) == (Check.GPU, state)
    assert found in bad.found
    assert bad.remedy


def test_healthy_cards_are_told_by_model() -> None:
    gpu = {"on_pci": 2, "cards": 2, "driver": "550.54.15", "found": (L4, L4 | {"index": 1})}
    (told,) = (one for one in judge(gpu=gpu) if one.check is Check.GPU)
    assert (told.state, told.found) == (
        State.OK,
        "2 cards, driver 550.54.15: 2 x NVIDIA L4, 22 GiB",
    )
