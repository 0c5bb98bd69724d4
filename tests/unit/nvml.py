"""NVML's answers about a card, written by hand: no card was at hand."""

from __future__ import annotations

import ctypes
from typing import Any


class Nvml:
    """libnvidia-ml.so.1 written by hand: one healthy card, with single answers changed."""

    def __init__(
        self, *, cards: int = 1, handle: int = 0, utilization: int = 0, **changed: Any
    ) -> None:
        self.cards = cards
        self.handle = handle
        self.utilization = utilization
        self.shut = 0
        self.answers: dict[str, Any] = {
            "nvmlDeviceGetUUID": "GPU-b850f46d-d5ea-c752-ddf3-c4453e44d3f7",
            "nvmlDeviceGetName": "NVIDIA A100-SXM4-80GB",
            "nvmlDeviceGetMigMode": [0, 0],
            "nvmlDeviceGetRemappedRows": [0, 0, 0, 0],
            "nvmlDeviceGetEccMode": [1, 1],
            "nvmlDeviceGetCurrPcieLinkWidth": [16],
            "nvmlDeviceGetMaxPcieLinkWidth": [16],
            "nvmlDeviceGetTotalEccErrors": [0],
            "nvmlDeviceGetTemperature": [34],
            "nvmlDeviceGetPowerUsage": [71250],
            "nvmlDeviceGetTemperatureThreshold": [92],
            **changed,
        }

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def nvmlShutdown(self) -> int:  # noqa: N802
        self.shut += 1
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self.cards
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, device: Any) -> int:  # noqa: N802
        device._obj.value = index.value + 1
        return self.handle

    def nvmlDeviceGetPciInfo_v3(self, device: Any, pci: Any) -> int:  # noqa: N802
        pci._obj.bus_id = f"00000000:4{device.value - 1}:00.0".encode()
        return 0

    def nvmlDeviceGetMemoryInfo(self, _: Any, memory: Any) -> int:  # noqa: N802
        memory._obj.total = 81920 * 2**20
        memory._obj.used = 1024 * 2**20
        return 0

    def nvmlDeviceGetUtilizationRates(self, _: Any, rates: Any) -> int:  # noqa: N802
        rates._obj.gpu = 63
        return self.utilization

    def __getattr__(self, name: str) -> Any:
        if name not in self.answers:
            raise AttributeError(name)

        def ask(_: Any, *arguments: Any) -> int:
            answer = self.answers[name]
            if isinstance(answer, int):
                return answer
            if isinstance(answer, str):
                arguments[0].value = answer.encode()
                return 0
            places = [one for one in arguments if not isinstance(one, ctypes.c_uint)]
            for place, value in zip(places, answer, strict=True):
                place._obj.value = value
            return 0

        return ask
