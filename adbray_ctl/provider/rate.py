"""The runaway guard: at most so many starts of slots a minute."""

from __future__ import annotations

WITHIN_S = 60.0


class Rate:
    """Not thread-safe. ``limit`` is None for no limit; it may be changed at any time."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self._starts: list[float] = []

    def take(self, now: float) -> str | None:
        """Count a start at ``now`` (monotonic seconds); the reason when it is one too many."""
        self._starts = [at for at in self._starts if now - at < WITHIN_S]
        if self.limit is not None and len(self._starts) >= self.limit:
            wait_s = self._starts[-self.limit] + WITHIN_S - now
            return f"max_launches_per_minute ({self.limit}) is reached for {wait_s:.0f} s more"
        self._starts.append(now)
        return None
