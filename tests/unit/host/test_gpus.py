"""What a host reads of its cards. No card was at hand: NVML's answers here are written by hand.

The lines of the kernel's log are copied from public reports, as their comments say.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from adbray_ctl.core.observed.gpus import GpuCard, GpuReading
from adbray_host.gpus import reading as gpus
from adbray_host.gpus.faults import judged, short_pci, with_lost, xids_in
from adbray_host.gpus.nvml import cards_of
from adbray_host.gpus.reading import (
    module_name,
    patiently,
    reading,
    reboot_reason,
    version_in,
)
from tests.unit.nvml import Nvml

NOT_SUPPORTED = 3
LOST = 15
# /etc/nvidia/current/nvidia-modprobe.conf of Debian's nvidia-kernel-support 535.309.01.
DEBIAN_CURRENT = """\
install nvidia modprobe -i nvidia-current $CMDLINE_OPTS

install nvidia-modeset modprobe nvidia ; modprobe -i nvidia-current-modeset $CMDLINE_OPTS
"""
# That of nvidia-tesla-470-kernel-support 470.256.02.
DEBIAN_TESLA = DEBIAN_CURRENT.replace("nvidia-current", "nvidia-tesla-470")


def card(**changed: Any) -> dict[str, Any]:
    found, error = cards_of(Nvml(**changed))
    assert error == ""
    return found[0]


def test_a_card_is_described_whole() -> None:
    library = Nvml(cards=2)
    found, _ = cards_of(library)
    assert library.shut == 1
    first, second = (GpuCard.model_validate(judged(one, {})) for one in found)
    assert first == GpuCard(
        index=0,
        uuid="GPU-b850f46d-d5ea-c752-ddf3-c4453e44d3f7",
        name="NVIDIA A100-SXM4-80GB",
        pci="00000000:40:00.0",
        memory_mb=81920,
        mig_capable=True,
        pcie_width=16,
        pcie_width_max=16,
        ecc=True,
        temperature_c=34,
    )
    assert (second.index, second.pci) == (1, "00000000:41:00.0")
    for_metrics = ("memory_used_mb", "utilization", "power_w")
    assert [found[0][name] for name in for_metrics] == [1024, 0.63, 71.25]


def test_what_a_card_does_not_know_is_no_fault() -> None:
    # A small card without ECC and MIG, in a virtual machine that hides the PCIe link.
    names = "MigMode RemappedRows EccMode CurrPcieLinkWidth MaxPcieLinkWidth TotalEccErrors"
    names += " Temperature TemperatureThreshold PowerUsage"
    unknown = (f"nvmlDeviceGet{name}" for name in names.split())
    plain = card(utilization=NOT_SUPPORTED, **dict.fromkeys(unknown, NOT_SUPPORTED))
    assert (plain["utilization"], plain["power_w"]) == (None, None)
    found = GpuCard.model_validate(judged(plain, {}))
    assert (found.mig_capable, found.ecc, found.temperature_c) == (False, False, None)
    assert (found.faults, found.complaints) == ((), ())


@pytest.mark.parametrize(
    ("changed", "faults", "complaints"),
    [
        ({"handle": LOST}, ["NVML says of it: the GPU is lost"], []),
        ({"nvmlDeviceGetTemperature": LOST}, ["NVML says of it: the GPU is lost"], []),
        (
            {"nvmlDeviceGetTotalEccErrors": [3]},
            ["memory errors that ECC could not correct: 3"],
            [],
        ),
        (
            {"nvmlDeviceGetRemappedRows": [0, 1, 0, 1]},
            ["a bad row of memory could not be replaced"],
            [],
        ),
        (
            {"nvmlDeviceGetRemappedRows": [0, 1, 1, 0]},
            [],
            ["a bad row of memory is replaced at its next reset"],
        ),
        ({"nvmlDeviceGetTemperature": [92]}, [], ["92 C: it slows down from 92 C on"]),
        ({"nvmlDeviceGetCurrPcieLinkWidth": [8]}, [], ["PCIe x8 of x16"]),
    ],
)
def test_one_thing_wrong_with_a_card(
    changed: dict[str, Any], faults: list[str], complaints: list[str]
) -> None:
    found = judged(card(**changed), {})
    assert (found["faults"], found["complaints"]) == (faults, complaints)


@pytest.mark.parametrize(
    ("log", "found"),
    [
        # github.com/NVIDIA/NVSentinel/issues/155
        ("NVRM: Xid (PCI:0000:44:00): 79, GPU has fallen off the bus", {"0000:44:00": {79: 1}}),
        # docs.nvidia.com/deploy/xid-errors: an older driver, and no fault of the card
        ("[...] NVRM: Xid (0000:03:00): 14, Channel 00000001", {"0000:03:00": {}}),
        # A kernel log has one for every process that dies with the card.
        (
            "\n".join(f"NVRM: Xid (PCI:0000:65:00): {code}, pid=1" for code in (48, 48, 13, 79)),
            {"0000:65:00": {48: 2, 79: 1}},
        ),
        ("NVRM: GPU 0000:44:00.0: GPU has fallen off the bus.", {"0000:44:00": {79: 1}}),
        ("NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  570.158.01", {}),
        ("", {}),
    ],
)
def test_errors_in_the_kernel_s_log(log: str, found: dict[str, dict[int, int]]) -> None:
    assert xids_in(log) == found


def test_an_error_in_the_log_is_that_of_its_card() -> None:
    found, _ = cards_of(Nvml(cards=2))
    first, second = (judged(one, {"0000:41:00": {79: 3}}) for one in found)
    assert (first["faults"], second["faults"]) == ([], ["XID 79: it has fallen off the bus"])
    assert (first["xid_errors"], second["xid_errors"]) == (0, 3)
    assert GpuReading(found=(GpuCard.model_validate(second),)).faults_of((0, 1)) == (
        "GPU 1 (NVIDIA A100-SXM4-80GB): XID 79: it has fallen off the bus"
    )
    assert short_pci("00000000:41:00.0") == "0000:41:00"


def test_an_error_of_no_card_that_answers_is_that_of_the_lost_one() -> None:
    (well,), (lost,) = cards_of(Nvml())[0], cards_of(Nvml(handle=LOST))[0]
    xids = with_lost([well, lost], {"0000:40:00": {}, "0000:41:00": {79: 2}})
    assert (judged(well, xids)["xid_errors"], judged(lost, xids)["xid_errors"]) == (0, 2)
    assert judged(lost, xids)["faults"] == [
        "XID 79: it has fallen off the bus",
        "NVML says of it: the GPU is lost",
    ]


def test_debian_says_which_of_its_modules_is_loaded() -> None:
    assert module_name(DEBIAN_CURRENT) == "nvidia-current"
    assert module_name(DEBIAN_TESLA) == "nvidia-tesla-470"
    assert module_name("") == "nvidia"


@pytest.mark.parametrize(
    ("loaded", "installed", "nouveau", "kernels", "why"),
    [
        ("535.1", "535.1", False, ["6.1"], ""),
        ("", "535.1", False, ["6.1"], ""),
        ("", "", True, [], ""),
        ("535.1", "550.1", False, ["6.1"], "driver 535.1 is loaded and 550.1 is installed"),
        (
            "",
            "550.1",
            True,
            ["6.1"],
            "the nouveau module is loaded in place of NVIDIA's 550.1",
        ),
        ("", "", False, ["6.9"], "the module was built for Linux 6.9, and 6.1 runs"),
    ],
)
def test_a_host_must_boot_before_it_uses_another_module(
    *, loaded: str, installed: str, nouveau: bool, kernels: list[str], why: str
) -> None:
    assert reboot_reason(loaded, installed, nouveau, kernels, "6.1") == why


def test_the_version_of_a_loaded_driver() -> None:
    # The first line is that of NVIDIA's README for the proc file system, the second a compiler's.
    text = (
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024"
        "\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)"
    )
    assert version_in(text) == "535.183.01"
    assert version_in("") == ""


def test_a_machine_without_a_driver_is_read() -> None:
    found = GpuReading.model_validate(reading())
    assert (found.found, found.error) == ((), "") or found.driver


def test_a_library_that_never_answers_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "PATIENCE_S", 0.2)
    began = time.monotonic()
    found, complaint = patiently(lambda: time.sleep(30))
    assert (found, complaint) == ([], "NVML gave no answer within 0 s")
    assert time.monotonic() - began < 5


def test_a_library_that_ends_its_process_is_told() -> None:
    assert patiently(lambda: os._exit(3)) == ([], "NVML gave no answer within 8 s")
    found, complaint = patiently(lambda: 1 / 0)
    assert (found, complaint) == ([], "ZeroDivisionError: division by zero")
    assert patiently(lambda: ([{"index": 0}], "")) == ([{"index": 0}], "")


def test_a_driver_that_is_not_loaded_is_an_answer() -> None:
    library = Nvml()
    library.nvmlInit_v2 = lambda: 9  # type: ignore[method-assign]
    assert cards_of(library) == ([], "NVML: the driver is not loaded")
