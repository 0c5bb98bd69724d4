"""The machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """Clock by the operating system's two clocks."""

    def now(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
