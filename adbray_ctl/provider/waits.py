"""The demands that wait and the floors that hold, since when, and what was reported of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from adbray_ctl.provider.demand import Blocked, Demand, Offer, Shape
from adbray_ctl.provider.journal import Event, Kind

# A demand that a worker which is on its way will meet is not blocked.
GRACE_S = 5.0


@dataclass
class _Wait:
    """A demand that is there since ``since``; ``reported`` is the reason in the last event."""

    since: float
    demand: Demand
    blocked: Blocked | None = None
    reported: tuple[tuple[str, str], ...] = ()


class Waits:
    """Lock: that of ``Chronicle``, around every method."""

    def __init__(self, report: Callable[[Event], None]) -> None:
        self._report = report
        self._waits: dict[tuple[Shape, str], _Wait] = {}
        self._floors: dict[Demand, float] = {}

    def weigh(
        self, demands: Iterable[Demand], judge: Callable[[Demand], Blocked | None], now: float
    ) -> None:
        """Take over the demands of now; one event for each that is blocked by something new."""
        before, self._waits = self._waits, {}
        for demand in demands:
            key = (demand.shape, demand.of)
            one = before.get(key) or _Wait(now, demand)
            one.demand, one.blocked = demand, judge(demand)
            self._waits[key] = one
            if now - one.since < GRACE_S:
                continue
            if one.blocked is None:
                one.reported = ()
            elif one.blocked.kinds != one.reported:
                one.reported = one.blocked.kinds
                self._report(Event(Kind.BLOCKED, f"{demand} waits: {one.blocked.why}"))

    def hold(self, floors: Iterable[Demand], now: float) -> None:
        """Take over the floors of now; one event for each that comes or goes."""
        before, self._floors = self._floors, {}
        for floor in floors:
            self._floors[floor] = before.get(floor, now)
            if floor not in before:
                text = f"{floor} is met, and keeps workers up until it is replaced"
                self._report(Event(Kind.FLOOR, text))
        for floor in before.keys() - self._floors.keys():
            self._report(Event(Kind.FLOOR, f"{floor} keeps no workers up any more"))

    def fitting(self, offer: Offer) -> list[Demand]:
        """The demands that a worker which offers that can meet."""
        demands = [one.demand for one in self._waits.values()]
        return [demand for demand in demands if offer.why_not(demand.shape) is None]

    def shown(self) -> dict[str, list[dict[str, Any]]]:
        """The demands whose reason was reported, and the floors."""
        waiting = [
            {"demand": str(one.demand), "since": round(one.since, 3), "why": one.blocked.why}
            for one in self._waits.values()
            if one.blocked and one.reported
        ]
        floors = [
            {"demand": str(floor), "since": round(since, 3)}
            for floor, since in self._floors.items()
        ]
        return {"waiting": waiting, "floors": floors}
