"""What a host knows of its NVIDIA cards: PCI, kernel module, NVML, and the kernel's log of errors.

The command `gpus [FILE]`; the role gpu has a timer run it. Nothing is remembered, so that a driver
that comes later is seen.
"""

from __future__ import annotations

import ctypes
import glob
import json
import os
import re
import select
import signal
import time
from collections.abc import Callable
from typing import Any

from adbray_host import files, programs
from adbray_host.gpus.faults import judged, with_lost, xids_in
from adbray_host.gpus.nvml import cards_of

# A sick card may never answer: another process asks it, which this one can leave behind.
PATIENCE_S = 8.0
LOADED = "/proc/driver/nvidia/version"
MODPROBE = "/etc/modprobe.d/nvidia.conf"


def reading() -> dict[str, Any]:
    """Everything, as the model GpuReading has it."""
    devices = on_pci()
    loaded = version_in(files.read(LOADED))
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
        # Its exit status says that there are none.
        command = ("journalctl", "-k", "-b", "-q", "-o", "cat", "--no-pager", "-g", "NVRM: ")
        log = programs.run(*command, within_s=PATIENCE_S).output
        xids = with_lost(found, xids_in(log))
        answer["found"] = [judged(card, xids) for card in found]
    return answer


def on_pci() -> dict[str, int]:
    """Cards, and switches between them (NVSwitch is a bridge of NVIDIA's)."""
    count = {"cards": 0, "switches": 0}
    for path in glob.glob("/sys/bus/pci/devices/*"):
        if files.read(path + "/vendor").strip() == "0x10de":
            kind = files.read(path + "/class").strip()
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
    name = module_name(files.read(MODPROBE))
    command = ("modinfo", "-k", kernel, "-F", "version", name)
    return programs.output(*command, within_s=PATIENCE_S).strip()


def built_for() -> list[str]:
    """The kernels that have a module on disk."""
    name = module_name(files.read(MODPROBE))
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


def patiently(function: Callable[[], Any]) -> tuple[Any, str]:
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


def main(words: list[str]) -> None:
    """Print the reading, or write it to a file in one go."""
    text = json.dumps(reading())
    if not words:
        print(text)
        return
    os.makedirs(os.path.dirname(words[0]), mode=0o755, exist_ok=True)
    files.write(words[0], text)
