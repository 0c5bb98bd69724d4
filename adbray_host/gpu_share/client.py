"""A CUDA program through the driver alone: uses the first GPU it is shown, and prints what it saw.

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

from adbray_host.gpus.cuda import LIBRARY, Cuda, CudaError

_MULTIPROCESSORS = 16  # CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
_PATTERN = 0x5A
_BYTES = 1 << 20
# How long a daemon that was just started may take to listen.
_WITHIN_S = 10.0


def first_device(cuda: Cuda) -> ctypes.c_int:
    """The first that this process is shown, with a context on it."""
    cuda.call("cuInit", ctypes.c_uint(0))
    device = ctypes.c_int(cuda.number("cuDeviceGet", ctypes.c_int(0)))
    context = ctypes.c_void_p()
    cuda.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    cuda.call("cuCtxSetCurrent", context)
    return device


def check(cuda: Cuda) -> None:
    """Write to the card and read it back."""
    place = cuda.allocated(_BYTES)
    cuda.call("cuMemsetD8_v2", place, ctypes.c_ubyte(_PATTERN), ctypes.c_size_t(_BYTES))
    back = ctypes.create_string_buffer(_BYTES)
    cuda.call("cuMemcpyDtoH_v2", back, place, ctypes.c_size_t(_BYTES))
    cuda.call("cuMemFree_v2", place)
    if back.raw != bytes([_PATTERN]) * _BYTES:
        raise CudaError("cuMemcpyDtoH_v2", -1, "what was written is not what was read")


def facts(cuda: Cuda, device: ctypes.c_int) -> dict[str, Any]:
    """Name, memory and multiprocessors as this process sees them; memory in MiB."""
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    cuda.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
    return {
        "name": cuda.text("cuDeviceGetName", device),
        "memory_mb": total.value >> 20,
        "free_mb": free.value >> 20,
        "multiprocessors": cuda.number(
            "cuDeviceGetAttribute", ctypes.c_int(_MULTIPROCESSORS), device
        ),
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
        cuda = Cuda(ctypes.CDLL(LIBRARY))
        device = first_device(cuda)
        check(cuda)
        found = {**facts(cuda, device), "mps": through_mps and is_client()}
    except (CudaError, OSError, subprocess.SubprocessError) as error:
        print(f"a CUDA program does not work here: {error}", file=sys.stderr)
        return 1
    if through_mps and not found["mps"]:
        print(
            "a CUDA program works here, but not through MPS: it would have the whole card. See the"
            f" logs in {os.environ.get('CUDA_MPS_LOG_DIRECTORY', '/var/log/nvidia-mps')}",
            file=sys.stderr,
        )
        return 1
    print(json.dumps(found))
    return 0
