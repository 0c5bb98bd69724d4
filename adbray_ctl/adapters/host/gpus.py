"""What a host knows of its NVIDIA cards: PCI, kernel module, NVML, and the kernel's log of errors.

It travels with the scripts that run on hosts (host_scripts.py), and the role gpu leaves it there
to be run by a timer: standard library only, Python 3.7 or newer. Nothing is remembered, so that a
driver that comes later is seen.
"""

from __future__ import annotations

import ctypes
import glob
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from typing import Any

from adbray_ctl.adapters.host.nvml import cards_of

# A sick card can keep whoever asks for ever: another process asks, and is left to it.
PATIENCE_S = 8.0
LOADED = "/proc/driver/nvidia/version"
MODPROBE = "/etc/modprobe.d/nvidia.conf"
# What these tell is no fault of a program: docs.nvidia.com/deploy/xid-errors.
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


def read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def output(*command: str) -> str:
    """What a program says, whatever its exit status; nothing where it is not there or hangs."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace")


def reading() -> dict[str, Any]:
    """Everything, as the model GpuReading has it."""
    devices = on_pci()
    loaded = version_in(read(LOADED))
    on_disk = installed(os.uname().release)
    nouveau = os.path.isdir("/sys/module/nouveau")
    answer: dict[str, Any] = {
        "on_pci": devices["cards"],
        "switches": devices["switches"],
        "cards": len(glob.glob("/proc/driver/nvidia/gpus/*")),
        "driver": loaded,
        "installed": on_disk,
        "nouveau": nouveau,
        "reboot": reboot_reason(loaded, on_disk, nouveau, built_for(), os.uname().release),
        "found": [],
        "error": "",
    }
    if loaded:
        found, answer["error"] = patiently(nvml_cards)
        log = output("journalctl", "-k", "-b", "-q", "-o", "cat", "--no-pager", "-g", "NVRM: ")
        xids = with_lost(found, xids_in(log))
        answer["found"] = [judged(card, xids) for card in found]
    return answer


def on_pci() -> dict[str, int]:
    """Cards, and switches between them (NVSwitch is a bridge of NVIDIA's)."""
    count = {"cards": 0, "switches": 0}
    for path in glob.glob("/sys/bus/pci/devices/*"):
        if read(path + "/vendor") == "0x10de":
            kind = read(path + "/class")
            count["cards"] += kind.startswith("0x03")
            count["switches"] += kind.startswith("0x0680")
    return count


def version_in(text: str) -> str:
    """The driver's version in the first line of /proc/driver/nvidia/version."""
    for word in text.split("\n", 1)[0].split():
        if word.count(".") and word.replace(".", "").isdigit():
            return word
    return ""


def module_name(modprobe: str) -> str:
    """What Debian calls the module that ``modprobe nvidia`` loads: it may have several."""
    match = re.search(r"^install nvidia modprobe -i (\S+)", modprobe, re.MULTILINE)
    return match.group(1) if match else "nvidia"


def installed(kernel: str) -> str:
    """The version of the module on disk for ``kernel``; empty where there is none."""
    return output("modinfo", "-k", kernel, "-F", "version", module_name(read(MODPROBE))).strip()


def built_for() -> list[str]:
    """The kernels that have a module on disk."""
    name = module_name(read(MODPROBE))
    found = []
    for folder in ("updates", "updates/dkms", "extra", "kernel/drivers/video", "kernel/nvidia*"):
        found += glob.glob("/lib/modules/*/%s/%s.ko*" % (folder, name))
    return sorted({path.split("/")[3] for path in found})


def reboot_reason(
    loaded: str, on_disk: str, nouveau: bool, kernels: list[str], running: str
) -> str:
    """Why the host must boot before its cards can be used by the module that is on disk."""
    if on_disk and nouveau:
        return "the nouveau module is loaded in place of NVIDIA's %s" % on_disk
    if on_disk and loaded and on_disk != loaded:
        return "driver %s is loaded and %s is installed" % (loaded, on_disk)
    others = [kernel for kernel in kernels if kernel != running]
    if not on_disk and not loaded and others:
        return "the module was built for Linux %s, and %s runs" % (others[-1], running)
    return ""


def patiently(function: Any) -> tuple[Any, str]:
    """What ``function`` gives and complains of, or nothing and why: it may never come back."""
    into, out = os.pipe()
    child = os.fork()
    if child == 0:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # or it would hold the caller's connection open
            os.dup2(nothing, stream)
        try:
            text = json.dumps(function())
        except Exception as error:
            text = json.dumps([[], "%s: %s" % (type(error).__name__, error)])
        os.write(out, text.encode())
        os._exit(0)
    os.close(out)
    said, end = b"", time.monotonic() + PATIENCE_S
    while select.select([into], [], [], max(end - time.monotonic(), 0))[0]:
        part = os.read(into, 65536)
        said += part
        if not part:
            break
    os.close(into)
    if not said:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, os.WNOHANG)
    try:
        found, complaint = json.loads(said.decode())
    except ValueError:
        return [], "NVML gave no answer within %d s" % PATIENCE_S
    return found, complaint


def nvml_cards() -> tuple[list[dict[str, Any]], str]:
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return [], "libnvidia-ml.so.1 is missing"
    return cards_of(library)


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


def main() -> None:
    """Print the reading, or write it to a file in one go."""
    text = json.dumps(reading())
    if len(sys.argv) < 2:
        print(text)
        return
    with open(sys.argv[1] + ".new", "w") as file:
        file.write(text)
    os.rename(sys.argv[1] + ".new", sys.argv[1])


if __name__ == "__main__":
    main()
