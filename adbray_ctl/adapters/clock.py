"""The machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """Clock by the operating system's monotonic clock."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
