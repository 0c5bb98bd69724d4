"""A CUDA program through the driver alone: uses the first GPU it is shown, and tells what it saw.

    cuda-client [--mps]

It takes memory, fills it, and reads it back. With --mps it must have done so through the daemon
that CUDA_MPS_PIPE_DIRECTORY names: without one a program uses the card as it is, unbounded, and
that a daemon runs proves nothing. Prints JSON, or on standard error what failed.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from typing import Any

_MULTIPROCESSORS = 16  # CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
_PATTERN = 0x5A
_BYTES = 1 << 20
# How long a daemon that was just started may take to listen.
_WITHIN_S = 10.0


class CudaError(Exception):
    """A call of the driver failed; ``code`` is its CUresult."""

    def __init__(self, call: str, code: int, text: str) -> None:
        super().__init__(f"{call}: {text} ({code})")
        self.code = code


class Cuda:
    """The first device, with a context on it."""

    def __init__(self) -> None:
        try:
            self.library = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise CudaError("libcuda.so.1", -1, str(error)) from error
        self.device = ctypes.c_int()
        self.context = ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDeviceGet", ctypes.byref(self.device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), self.device)
        self.call("cuCtxSetCurrent", self.context)

    def call(self, name: str, *arguments: Any) -> None:
        code = int(getattr(self.library, name)(*arguments))
        if code == 0:
            return
        text = ctypes.c_char_p()
        self.library.cuGetErrorName(code, ctypes.byref(text))
        raise CudaError(name, code, (text.value or b"unknown error").decode())

    def take(self, size: int) -> ctypes.c_uint64:
        """Device memory of ``size`` bytes."""
        place = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(place), ctypes.c_size_t(size))
        return place

    def give(self, place: ctypes.c_uint64) -> None:
        self.call("cuMemFree_v2", place)

    def check(self) -> None:
        """Write to the card and read it back."""
        place = self.take(_BYTES)
        self.call("cuMemsetD8_v2", place, ctypes.c_ubyte(_PATTERN), ctypes.c_size_t(_BYTES))
        back = ctypes.create_string_buffer(_BYTES)
        self.call("cuMemcpyDtoH_v2", back, place, ctypes.c_size_t(_BYTES))
        self.give(place)
        if back.raw != bytes([_PATTERN]) * _BYTES:
            raise CudaError("cuMemcpyDtoH_v2", -1, "what was written is not what was read")

    def facts(self) -> dict[str, Any]:
        """Name, memory and multiprocessors as this process sees them; memory in MiB."""
        name = ctypes.create_string_buffer(128)
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        processors = ctypes.c_int()
        self.call("cuDeviceGetName", name, len(name), self.device)
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        self.call("cuDeviceGetAttribute", ctypes.byref(processors), _MULTIPROCESSORS, self.device)
        return {
            "name": name.value.decode(),
            "memory_mb": total.value >> 20,
            "free_mb": free.value >> 20,
            "multiprocessors": processors.value,
        }


def ask_mps(*words: str) -> list[str]:
    """The daemon's answer, by words."""
    done = subprocess.run(
        ["nvidia-cuda-mps-control"],
        input=" ".join(words).encode() + b"\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
        check=False,
    )
    return done.stdout.decode(errors="replace").split()


def is_client() -> bool:
    """Whether the daemon's server knows this very process."""
    servers = [word for word in ask_mps("get_server_list") if word.isdigit()]
    return any(str(os.getpid()) in ask_mps("get_client_list", server) for server in servers)


def await_daemon() -> None:
    control = os.path.join(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", ""), "control")
    began = time.monotonic()
    while not os.path.exists(control) and time.monotonic() - began < _WITHIN_S:
        time.sleep(0.1)


def main(arguments: list[str]) -> int:
    through_mps = "--mps" in arguments
    if through_mps:
        await_daemon()
    try:
        cuda = Cuda()
        cuda.check()
        facts = {**cuda.facts(), "mps": through_mps and is_client()}
    except (CudaError, OSError, subprocess.SubprocessError) as error:
        print(f"a CUDA program does not work here: {error}", file=sys.stderr)
        return 1
    if through_mps and not facts["mps"]:
        print(
            "a CUDA program works here, but not through MPS: it would have the whole card. See the"
            f" logs in {os.environ.get('CUDA_MPS_LOG_DIRECTORY', '/var/log/nvidia-mps')}",
            file=sys.stderr,
        )
        return 1
    print(json.dumps(facts))
    return 0

