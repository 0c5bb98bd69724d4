"""A program of one slice: takes memory, holds it, or keeps the processors busy.

benchmarks.gpu_share starts it with the environment of a slot, and reads the JSON that it prints.

    python -m benchmarks.gpu_client fill | hold MIB | spin SECONDS
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

FILES = Path(__file__).resolve().parents[1] / "roles" / "gpu_share" / "files"
MIB = 1 << 20
STEP_MIB = 64
PATTERN = 0x3C
THREADS = 1024
# About half a millisecond a block, so that a launch is mostly work.
CYCLES = 1_000_000
MULTIPROCESSORS = 16  # CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
# Each block waits for some cycles and says on which multiprocessor it did.
PTX = b"""
.version 6.0
.target sm_60
.address_size 64
.visible .entry spin(.param .u64 where, .param .u64 cycles)
{
    .reg .pred %p<2>;
    .reg .b32 %r<3>;
    .reg .b64 %rd<9>;
    ld.param.u64 %rd1, [where];
    ld.param.u64 %rd2, [cycles];
    cvta.to.global.u64 %rd3, %rd1;
    mov.u64 %rd4, %clock64;
again:
    mov.u64 %rd5, %clock64;
    sub.s64 %rd6, %rd5, %rd4;
    setp.lt.u64 %p1, %rd6, %rd2;
    @%p1 bra again;
    mov.u32 %r1, %smid;
    mov.u32 %r2, %ctaid.x;
    mul.wide.u32 %rd7, %r2, 4;
    add.s64 %rd8, %rd3, %rd7;
    st.global.u32 [%rd8], %r1;
    ret;
}
"""


def load(name: str) -> ModuleType:
    """A program of the role gpu_share, as a module."""
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def fill(cuda: Any) -> dict[str, Any]:
    """Take memory until there is no more."""
    taken, why = 0, ""
    while not why:
        try:
            cuda.take(STEP_MIB * MIB)
            taken += STEP_MIB
        except Exception as error:  # noqa: BLE001  # the role's CudaError, of a module loaded late
            why = str(error)
    return {"taken_mb": taken, "ended_by": why}


def hold(cuda: Any, mib: int) -> dict[str, Any]:
    """Write to memory, say so, and read it back when standard input ends."""
    size = mib * MIB
    place = cuda.take(size)
    cuda.call("cuMemsetD8_v2", place, ctypes.c_ubyte(PATTERN), ctypes.c_size_t(size))
    cuda.call("cuCtxSynchronize")
    print("ready", flush=True)
    sys.stdin.read()
    back = ctypes.create_string_buffer(size)
    cuda.call("cuMemcpyDtoH_v2", back, place, ctypes.c_size_t(size))
    return {"held_mb": mib, "intact": back.raw == bytes([PATTERN]) * size}


def spin(cuda: Any, seconds: int) -> dict[str, Any]:
    """Keep as many multiprocessors busy as there are; how many blocks were done, and where."""
    module, function = ctypes.c_void_p(), ctypes.c_void_p()
    cuda.call("cuModuleLoadData", ctypes.byref(module), ctypes.c_char_p(PTX))
    cuda.call("cuModuleGetFunction", ctypes.byref(function), module, b"spin")
    count = ctypes.c_int()
    cuda.call("cuDeviceGetAttribute", ctypes.byref(count), MULTIPROCESSORS, cuda.device)
    blocks = 16 * count.value
    where = cuda.take(4 * blocks)
    cycles = ctypes.c_uint64(CYCLES)
    arguments = (ctypes.c_void_p * 2)(ctypes.addressof(where), ctypes.addressof(cycles))
    seen: set[int] = set()
    done, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        size = (blocks, 1, 1, THREADS, 1, 1)
        cuda.call("cuLaunchKernel", function, *size, 0, None, arguments, None)
        cuda.call("cuCtxSynchronize")
        numbers = (ctypes.c_uint32 * blocks)()
        cuda.call("cuMemcpyDtoH_v2", numbers, where, ctypes.c_size_t(4 * blocks))
        seen.update(numbers)
        done += blocks
    taken = time.monotonic() - began
    return {"blocks_per_s": round(done / taken), "multiprocessors": len(seen), **cuda.facts()}


def main(arguments: list[str]) -> int:
    cuda = load("cuda_client").Cuda()
    kind, *numbers = arguments
    if kind == "fill":
        found = fill(cuda)
    else:
        found = (hold if kind == "hold" else spin)(cuda, int(numbers[0]))
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
