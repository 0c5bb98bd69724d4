"""NVIDIA's management library by ctypes, as far as cards are described.

Hosts have no Python packages before their runtime is there, so there is no pynvml either. Names
and numbers are those of nvml.h, which keeps them from one driver to the next.
"""

from __future__ import annotations

import ctypes
from typing import Any

# nvmlReturn_t
_SUCCESS = 0
_LOST = 15
_WORDS = {
    6: "not found",
    9: "the driver is not loaded",
    _LOST: "the GPU is lost",
    18: "driver and library are of different versions",
}
_TEXT = 96
_TEMPERATURE_GPU = 0
_THRESHOLD_SLOWDOWN = 1
_UNCORRECTED = 1
_SINCE_BOOT = 0


class _Memory(ctypes.Structure):
    _fields_ = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


class _Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class _Pci(ctypes.Structure):
    _fields_ = [
        ("bus_id_legacy", ctypes.c_char * 16),
        ("domain", ctypes.c_uint),
        ("bus", ctypes.c_uint),
        ("device", ctypes.c_uint),
        ("device_id", ctypes.c_uint),
        ("subsystem_id", ctypes.c_uint),
        ("bus_id", ctypes.c_char * 32),
    ]


def cards_of(library: Any) -> tuple[list[dict[str, Any]], str]:
    """Every card, in NVML's order, which is that of the PCI bus; or none, and why."""
    code = library.nvmlInit_v2()
    if code != _SUCCESS:
        return [], "NVML: %s" % _WORDS.get(code, "error %d" % code)
    try:
        count = ctypes.c_uint()
        library.nvmlDeviceGetCount_v2(ctypes.byref(count))
        return [_card(library, index) for index in range(count.value)], ""
    finally:
        library.nvmlShutdown()


def _card(library: Any, index: int) -> dict[str, Any]:
    device = ctypes.c_void_p()
    code = library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device))
    if code != _SUCCESS:
        # Its place among the others is all that is known.
        return _unknown(index, _WORDS.get(code, "error %d" % code))
    ask = _Asker(library, device)
    found = dict(_identity(ask), **_use(ask), **_health(ask), index=index)
    return dict(found, lost=ask.lost)


def _identity(ask: _Asker) -> dict[str, Any]:
    pci, memory = _Pci(), _Memory()
    ask.fill("nvmlDeviceGetPciInfo_v3", pci)
    ask.fill("nvmlDeviceGetMemoryInfo", memory)
    mig = ask.numbers("nvmlDeviceGetMigMode", 2)
    return {
        "uuid": ask.text("nvmlDeviceGetUUID"),
        "name": ask.text("nvmlDeviceGetName"),
        "pci": pci.bus_id.decode(errors="replace"),
        "memory_mb": memory.total // 2**20,
        "memory_used_mb": memory.used // 2**20,
        "mig_capable": mig is not None,
        "mig": bool(mig and mig[0]),
    }


def _use(ask: _Asker) -> dict[str, Any]:
    busy = _Utilization()
    known = ask.fill("nvmlDeviceGetUtilizationRates", busy)
    milliwatts = ask.number("nvmlDeviceGetPowerUsage")
    return {
        "utilization": busy.gpu / 100 if known else None,
        "power_w": None if milliwatts is None else milliwatts / 1000,
        "temperature_c": ask.number("nvmlDeviceGetTemperature", _TEMPERATURE_GPU),
        "slowdown_c": ask.number("nvmlDeviceGetTemperatureThreshold", _THRESHOLD_SLOWDOWN),
    }


def _health(ask: _Asker) -> dict[str, Any]:
    rows = ask.numbers("nvmlDeviceGetRemappedRows", 4)
    ecc = ask.numbers("nvmlDeviceGetEccMode", 2)
    return {
        "pcie_width": ask.number("nvmlDeviceGetCurrPcieLinkWidth") or 0,
        "pcie_width_max": ask.number("nvmlDeviceGetMaxPcieLinkWidth") or 0,
        "ecc": bool(ecc and ecc[0]),
        "ecc_errors": ask.errors() or 0,
        "remap_pending": bool(rows and rows[2]),
        "remap_failed": bool(rows and rows[3]),
    }


def _unknown(index: int, why: str) -> dict[str, Any]:
    return {
        "index": index,
        "uuid": "",
        "name": "",
        "pci": "",
        "memory_mb": 0,
        "memory_used_mb": 0,
        "utilization": None,
        "power_w": None,
        "mig_capable": False,
        "mig": False,
        "pcie_width": 0,
        "pcie_width_max": 0,
        "ecc": False,
        "ecc_errors": 0,
        "remap_pending": False,
        "remap_failed": False,
        "temperature_c": None,
        "slowdown_c": None,
        "lost": why,
    }


class _Asker:
    """Questions about one card; ``lost`` is what NVML says when it has lost the card meanwhile."""

    def __init__(self, library: Any, device: ctypes.c_void_p) -> None:
        self._library = library
        self._device = device
        self.lost = ""

    def fill(self, name: str, structure: ctypes.Structure) -> bool:
        return self._ask(name, ctypes.byref(structure))

    def text(self, name: str) -> str:
        buffer = ctypes.create_string_buffer(_TEXT)
        asked = self._ask(name, buffer, ctypes.c_uint(_TEXT))
        return buffer.value.decode(errors="replace") if asked else ""

    def number(self, name: str, *which: int) -> int | None:
        """None where the card, or the driver, does not know of such a thing."""
        value = ctypes.c_uint()
        arguments = [ctypes.c_uint(one) for one in which]
        return value.value if self._ask(name, *arguments, ctypes.byref(value)) else None

    def numbers(self, name: str, count: int) -> list[int] | None:
        values = [ctypes.c_uint() for _ in range(count)]
        asked = self._ask(name, *[ctypes.byref(value) for value in values])
        return [value.value for value in values] if asked else None

    def errors(self) -> int | None:
        value = ctypes.c_ulonglong()
        kind = (ctypes.c_uint(_UNCORRECTED), ctypes.c_uint(_SINCE_BOOT))
        asked = self._ask("nvmlDeviceGetTotalEccErrors", *kind, ctypes.byref(value))
        return value.value if asked else None

    def _ask(self, name: str, *arguments: Any) -> bool:
        function = getattr(self._library, name, None)
        if function is None:  # a driver older than the question
            return False
        code = int(function(self._device, *arguments))
        if code == _LOST:
            self.lost = _WORDS[code]
        return code == _SUCCESS
