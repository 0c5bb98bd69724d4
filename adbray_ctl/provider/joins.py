"""Which workers have not joined Ray in time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from adbray_ctl.provider.model import Slot, SlotState

# A worker joins within seconds of its turn; Ray itself gives a start up after 30 s.
WITHIN_S = 120.0


class Joins:
    """Counts for each worker from when it waits for nothing any more. Not thread-safe.

    Ray would count from its launch, and take one for lost that waits for its turn to start.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}
        self._joined: set[str] = set()

    def late(self, slots: Iterable[Slot], joined: Collection[str]) -> list[Slot]:
        """The workers that are to be given up; ``joined`` are the instances that Ray knows."""
        now = self._clock()
        running = {s.instance: s for s in slots if s.state is SlotState.RUNNING}
        self._joined = running.keys() & (self._joined | set(joined))
        starting = {name: s for name, s in running.items() if name not in self._joined}
        since, self._since = self._since, {}
        for name, slot in starting.items():
            self._since[name] = now if slot.waits else since.get(name, now)
        return [slot for name, slot in starting.items() if now - self._since[name] > WITHIN_S]
