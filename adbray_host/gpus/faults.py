"""What is wrong with a card, by what NVML says of it and by the kernel's log of errors."""

from __future__ import annotations

import re
from typing import Any

# What these mean is no fault of a program: docs.nvidia.com/deploy/xid-errors.
XIDS = {
    48: "memory error that ECC could not correct",
    61: "its microcontroller stopped",
    62: "its microcontroller halted",
    64: "a bad row of memory could not be replaced",
    74: "NVLink failed",
    79: "it has fallen off the bus",
    95: "memory error that could not be contained",
    110: "security fault",
    119: "its GSP does not answer",
    120: "its GSP failed",
    140: "memory error that ECC could not correct",
    143: "it could not be initialized",
}
XID = re.compile(r"NVRM: Xid \((?:PCI:)?([0-9a-fA-F:]+)(?:\.\d)?\): (\d+)")
FALLEN = re.compile(r"NVRM: GPU (?:at PCI:)?([0-9a-fA-F:]+)\.\d.*fallen off the bus")


def xids_in(log: str) -> dict[str, dict[int, int]]:
    """The errors in the kernel's log that are a card's own: how often each, by its PCI address.

    Such an address has no function: 0000:44:00. A card that vanishes may have no Xid of its own.
    """
    found: dict[str, dict[int, int]] = {}
    for line in log.splitlines():
        xid, fallen = XID.search(line), FALLEN.search(line)
        if xid is not None:
            place, code = xid.group(1), int(xid.group(2))
        elif fallen is not None:
            place, code = fallen.group(1), 79
        else:
            continue
        codes = found.setdefault(short_pci(place), {})
        if code in XIDS:
            codes[code] = codes.get(code, 0) + 1
    return found


def with_lost(
    cards: list[dict[str, Any]], xids: dict[str, dict[int, int]]
) -> dict[str, dict[int, int]]:
    """``xids``, and by an empty address those of no card whose address NVML can still tell."""
    known = {short_pci(card["pci"]) for card in cards if card["pci"]}
    lost: dict[int, int] = {}
    for place, codes in xids.items():
        if place not in known:
            for code, times in codes.items():
                lost[code] = lost.get(code, 0) + times
    return dict(xids, **{"": lost})


def short_pci(text: str) -> str:
    """0000:44:00 of 00000000:44:00.0, which NVML says."""
    domain, _, rest = text.lower().partition(":")
    return "%s:%s" % (domain[-4:], rest.split(".")[0])


def judged(card: dict[str, Any], xids: dict[str, dict[int, int]]) -> dict[str, Any]:
    """``card`` with its ``faults``, which make it useless, and ``complaints``, which do not."""
    codes = xids.get(short_pci(card["pci"]) if card["pci"] else "", {})
    faults = ["XID %d: %s" % (code, XIDS[code]) for code in codes]
    if card["lost"]:
        faults.append("NVML says of it: %s" % card["lost"])
    if card["ecc_errors"]:
        faults.append("memory errors that ECC could not correct: %d" % card["ecc_errors"])
    if card["remap_failed"]:
        faults.append("a bad row of memory could not be replaced")
    complaints = []
    hot, limit = card["temperature_c"], card["slowdown_c"]
    if hot is not None and limit is not None and hot >= limit:
        complaints.append("%d C: it slows down from %d C on" % (hot, limit))
    width, most = card["pcie_width"], card["pcie_width_max"]
    if width and most and width < most:
        complaints.append("PCIe x%d of x%d" % (width, most))
    if card["remap_pending"]:
        complaints.append("a bad row of memory is replaced at its next reset")
    counted = {"xids": list(codes), "xid_errors": sum(codes.values())}
    return dict(card, faults=faults, complaints=complaints, **counted)
