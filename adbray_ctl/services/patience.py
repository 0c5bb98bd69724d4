"""How long to wait for a group: as long as its starts go on, and a while more."""

from __future__ import annotations

from adbray_ctl.core.observed.starts import Stages, furthest, stages
from adbray_ctl.core.observed.status import GroupStatus
from adbray_ctl.core.protocols.runs import Clock


class Patience:
    """Is over ``within_s`` after a start went on for the last time, or after it began.

    Starts of many slots take turns on their host. One that fails again and again does not go on.
    """

    def __init__(self, clock: Clock, within_s: float) -> None:
        self._clock = clock
        self._within_s = within_s
        self._until = clock.now() + within_s
        self._furthest: Stages | None = None

    def is_over(self, status: GroupStatus) -> bool:
        """Whether nothing went on for so long; ``status`` is how things are now."""
        before, now = self._furthest, stages(status.slots)
        self._furthest = furthest(before or {}, now)
        if before is not None and self._furthest != before:
            self._until = self._clock.now() + self._within_s
        return self._clock.now() > self._until
