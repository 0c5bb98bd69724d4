"""Real CUDA calls on every card of a host, by the driver's own library and no toolkit.

Each card takes a pattern, copies it within its memory, and gives it back; what comes back is
compared byte by byte. With a number of seconds as argument that is done for so long, with several
patterns, on half of the memory that is free: a burn-in. The command `cuda [SECONDS]` is run by the
role gpu and by `adbray check --gpu`.
"""

from __future__ import annotations

import ctypes
import json
import os
import time
from collections.abc import Callable
from typing import Any

LIBRARY = "libcuda.so.1"
_SUCCESS = 0
_NO_DEVICE = 100
# Others have the card to themselves (CUDA_ERROR_DEVICE_UNAVAILABLE), as under MPS, or all of its
# memory (CUDA_ERROR_OUT_OF_MEMORY): nothing is wrong with it.
_BUSY = (46, 2)
_CHUNK = 64 * 2**20
_MOST = 8 * 2**30
_PATTERNS = (0x00000000, 0xFFFFFFFF, 0xAAAAAAAA, 0x55555555, 0x01234567)


class CudaError(Exception):
    """A call failed; ``code`` is CUDA's."""

    def __init__(self, call: str, code: int, name: str) -> None:
        super().__init__("%s: %s" % (call, name or "error %d" % code))
        self.code = code


class Cuda:
    """libcuda.so.1: each call raises CudaError unless it succeeds."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def call(self, name: str, *arguments: Any) -> None:
        code = int(getattr(self._library, name)(*arguments))
        if code != _SUCCESS:
            raise CudaError(name, code, self._name(code))

    def number(self, name: str, *arguments: Any) -> int:
        value = ctypes.c_int()
        self.call(name, ctypes.byref(value), *arguments)
        return value.value

    def text(self, name: str, device: ctypes.c_int) -> str:
        buffer = ctypes.create_string_buffer(96)
        self.call(name, buffer, ctypes.c_int(len(buffer)), device)
        return buffer.value.decode(errors="replace")

    def free_memory(self) -> int:
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def allocated(self, size: int) -> ctypes.c_ulonglong:
        address = ctypes.c_ulonglong()
        self.call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address

    def _name(self, code: int) -> str:
        text = ctypes.c_char_p()
        self._library.cuGetErrorName(ctypes.c_int(code), ctypes.byref(text))
        return (text.value or b"").decode(errors="replace")


def tried(cuda: Cuda, seconds: float, clock: Callable[[], float]) -> list[dict[str, Any]]:
    """What came of every card. Raises CudaError when there is no asking any."""
    cuda.call("cuInit", ctypes.c_uint(0))
    count = cuda.number("cuDeviceGetCount")
    return [_card(cuda, index, seconds, clock) for index in range(count)]


def _card(cuda: Cuda, index: int, seconds: float, clock: Callable[[], float]) -> dict[str, Any]:
    found: dict[str, Any] = {"index": index, "name": "", "pci": "", "passes": 0, "mb": 0}
    found.update(fault="", busy=False)
    try:
        device = ctypes.c_int(cuda.number("cuDeviceGet", ctypes.c_int(index)))
        found["name"] = cuda.text("cuDeviceGetName", device)
        found["pci"] = cuda.text("cuDeviceGetPCIBusId", device)
        context = ctypes.c_void_p()
        cuda.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        try:
            cuda.call("cuCtxSetCurrent", context)
            _exercise(cuda, found, clock() + seconds, clock, whole=seconds > 0)
        finally:
            cuda.call("cuDevicePrimaryCtxRelease_v2", device)
    except CudaError as error:
        found["busy"] = error.code in _BUSY
        found["fault"] = str(error)
    return found


def _exercise(
    cuda: Cuda, found: dict[str, Any], until: float, clock: Callable[[], float], *, whole: bool
) -> None:
    size = _CHUNK
    if whole:
        # Others may allocate meanwhile: half of what is free is left to them.
        size = max(min(cuda.free_memory() // 4, _MOST) // _CHUNK * _CHUNK, _CHUNK)
    first, second = cuda.allocated(size), cuda.allocated(size)
    found["mb"] = 2 * size // 2**20
    try:
        while not found["fault"]:
            pattern = _PATTERNS[found["passes"] % len(_PATTERNS)]
            found["fault"] = _pass(cuda, first, second, size, pattern)
            found["passes"] += 1
            if clock() >= until:
                return
    finally:
        cuda.call("cuMemFree_v2", second)
        cuda.call("cuMemFree_v2", first)


def _pass(
    cuda: Cuda, first: ctypes.c_ulonglong, second: ctypes.c_ulonglong, size: int, pattern: int
) -> str:
    """Write, copy and read ``size`` bytes; tells where they came back other than they were."""
    expected = pattern.to_bytes(4, "little") * (_CHUNK // 4)
    chunk = ctypes.create_string_buffer(expected, _CHUNK)
    # The first part comes from the host, the rest is filled by the card itself.
    cuda.call("cuMemcpyHtoD_v2", first, chunk, ctypes.c_size_t(_CHUNK))
    rest = ctypes.c_ulonglong(first.value + _CHUNK)
    if size > _CHUNK:
        words = ctypes.c_size_t((size - _CHUNK) // 4)
        cuda.call("cuMemsetD32_v2", rest, ctypes.c_uint(pattern), words)
    cuda.call("cuMemcpyDtoD_v2", second, first, ctypes.c_size_t(size))
    cuda.call("cuCtxSynchronize")
    for offset in range(0, size, _CHUNK):
        source = ctypes.c_ulonglong(second.value + offset)
        # What is there from before must not pass for an answer.
        ctypes.memset(chunk, pattern & 0xFF ^ 0x0F, _CHUNK)
        cuda.call("cuMemcpyDtoH_v2", chunk, source, ctypes.c_size_t(_CHUNK))
        if chunk.raw != expected:
            return "wrong data: %08x came back changed, within MiB %d" % (pattern, offset // 2**20)
    return ""


def main(words: list[str]) -> int:
    """0 when every card did its work, or others use it; after a burn-in always.

    Who asks for that reads what came of it.
    """
    seconds = float(words[0]) if words else 0.0
    # NVML's order: without it CUDA begins with what it takes for the fastest.
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    answer: dict[str, Any] = {"cards": [], "error": ""}
    try:
        answer["cards"] = tried(Cuda(ctypes.CDLL(LIBRARY)), seconds, time.monotonic)
    except OSError:
        answer["error"] = LIBRARY + " is missing"
    except CudaError as error:
        answer["error"] = "no GPU found" if error.code == _NO_DEVICE else str(error)
    print(json.dumps(answer))
    bad = [card for card in answer["cards"] if card["fault"] and not card["busy"]]
    return 1 if not seconds and (bad or answer["error"]) else 0
