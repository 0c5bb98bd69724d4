"""The CUDA calls against a card written by hand, which keeps its memory; none was at hand."""

from __future__ import annotations

import ctypes
import json
import subprocess
from itertools import count
from typing import Any

import pytest

from adbray_host.gpus import cuda
from adbray_host.gpus.cuda import Cuda, CudaError, tried
from tests.host_command import command

CHUNK = 4096


class Card:
    """libcuda.so.1 with one card; the bytes ``broken`` stick at 1, calls fail by ``codes``."""

    def __init__(self, chunks: int = 64, broken: tuple[int, ...] = (), **codes: int) -> None:
        self.memory = bytearray(chunks * CHUNK)
        self.broken = broken
        self.codes = codes
        self.next = 0
        self.allocated = 0
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            self.calls.append(name)
            if name in self.codes:
                return self.codes[name]
            own = getattr(type(self), f"_{name}", None)
            return int(own(self, *arguments) or 0) if own else 0

        return call

    def _cuGetErrorName(self, code: Any, text: Any) -> None:  # noqa: N802
        text._obj.value = {100: b"CUDA_ERROR_NO_DEVICE", 2: b"CUDA_ERROR_OUT_OF_MEMORY"}.get(
            code.value
        )

    def _cuDeviceGetCount(self, number: Any) -> None:  # noqa: N802
        number._obj.value = 1

    def _cuDeviceGetName(self, buffer: Any, *_: Any) -> None:  # noqa: N802
        buffer.value = b"NVIDIA T4"

    def _cuMemGetInfo_v2(self, free: Any, total: Any) -> None:  # noqa: N802
        free._obj.value = total._obj.value = len(self.memory)

    def _cuMemAlloc_v2(self, address: Any, size: Any) -> int:  # noqa: N802
        if self.next + size.value > len(self.memory):
            return 2
        address._obj.value = self.next
        self.next += size.value
        self.allocated += 1
        return 0

    def _cuMemFree_v2(self, _: Any) -> None:  # noqa: N802
        self.allocated -= 1

    def _cuMemcpyHtoD_v2(self, to: Any, chunk: Any, size: Any) -> None:  # noqa: N802
        self._write(to.value, chunk.raw[: size.value])

    def _cuMemsetD32_v2(self, to: Any, pattern: Any, words: Any) -> None:  # noqa: N802
        self._write(to.value, pattern.value.to_bytes(4, "little") * words.value)

    def _cuMemcpyDtoD_v2(self, to: Any, source: Any, size: Any) -> None:  # noqa: N802
        self._write(to.value, bytes(self.memory[source.value : source.value + size.value]))

    def _cuMemcpyDtoH_v2(self, chunk: Any, source: Any, size: Any) -> None:  # noqa: N802
        ctypes.memmove(chunk, bytes(self.memory[source.value :][: size.value]), size.value)

    def _write(self, at: int, data: bytes) -> None:
        self.memory[at : at + len(data)] = data
        for place in self.broken:
            self.memory[place] = 0xFF


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "_CHUNK", CHUNK)


def one(card: Card, seconds: float = 0) -> dict[str, Any]:
    ticks = count()
    (found,) = tried(Cuda(card), seconds, lambda: float(next(ticks)))
    return found


def test_a_good_card_gives_back_what_it_was_given() -> None:
    card = Card()
    found = one(card)
    assert (found["fault"], found["passes"], found["name"]) == ("", 1, "NVIDIA T4")
    assert card.allocated == 0
    assert card.calls[-1] == "cuDevicePrimaryCtxRelease_v2"


def test_a_burn_in_goes_on_for_its_time_over_half_of_the_free_memory() -> None:
    card = Card()
    found = one(card, seconds=12)
    assert (found["fault"], found["passes"]) == ("", 12)
    assert card.next == len(card.memory) // 2
    assert card.allocated == 0


@pytest.mark.parametrize("byte", [17 * CHUNK + 5, 31 * CHUNK + 4095])
def test_a_bit_that_sticks_is_found_wherever_it_is(byte: int) -> None:
    card = Card(broken=(byte,))
    found = one(card, seconds=12)
    assert "wrong data: 00000000 came back changed" in found["fault"]
    assert card.allocated == 0


def test_a_bit_that_sticks_beyond_a_quick_try_is_not_seen() -> None:
    assert one(Card(broken=(40 * CHUNK,)))["fault"] == ""


@pytest.mark.parametrize(
    ("card", "fault"),
    [
        (Card(cuDevicePrimaryCtxRetain=46), "cuDevicePrimaryCtxRetain: "),
        (Card(chunks=1), "cuMemAlloc_v2: CUDA_ERROR_OUT_OF_MEMORY"),
    ],
)
def test_a_card_that_others_have_or_have_filled_is_no_bad_one(card: Card, fault: str) -> None:
    found = one(card)
    assert found["busy"]
    assert found["fault"].startswith(fault)


def test_a_failing_call_is_named() -> None:
    found = one(Card(cuCtxSynchronize=999))
    assert found["fault"].startswith("cuCtxSynchronize: ")
    assert not found["busy"]


def test_no_card_is_an_error_of_its_own() -> None:
    with pytest.raises(CudaError) as error:
        one(Card(cuInit=100))
    assert (str(error.value), error.value.code) == ("cuInit: CUDA_ERROR_NO_DEVICE", 100)


def test_a_host_without_the_driver_says_so() -> None:
    # A name that no machine has: this one may have a driver.
    missing = command({"gpus.cuda.LIBRARY": "libcuda-of-nobody.so.1"}, "cuda", "0")
    done = subprocess.run(missing, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "cards": [],
        "error": "libcuda-of-nobody.so.1 is missing",
    }
