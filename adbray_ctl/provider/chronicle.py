"""Tells what changed from one tick of the autoscaler to the next, and why."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adbray_ctl.provider.demand import Blocked, Demand, Offer, Shape, blocked
from adbray_ctl.provider.journal import Event, Kind
from adbray_ctl.provider.model import Slot
from adbray_ctl.provider.ray_state import RayNode, RayState

# A demand that a worker which is on its way will meet is not blocked.
GRACE_S = 5.0
_SHOWN = 4


@dataclass
class _Waiting:
    """A demand that is there since ``since``; ``told`` is what was last told of its reason."""

    since: float
    demand: Demand
    blocked: Blocked | None = None
    told: tuple[tuple[str, str], ...] = ()


@dataclass
class _Seen:
    """What the last look saw."""

    slots: dict[str, Slot] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)
    nodes: dict[str, RayNode] = field(default_factory=dict)


class Chronicle:
    """Thread-safe. Keeps only what it needs to compare: it may be made anew at any time."""

    def __init__(self, tell: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: _Seen | None = None
        self._started: dict[str, float] = {}
        self._reasons: dict[str, str] = {}
        self._waiting: dict[tuple[Shape, str], _Waiting] = {}
        self._floors: dict[Demand, float] = {}

    def look(
        self,
        slots: Iterable[Slot],
        ray: RayState,
        offers: Mapping[str, Offer],
        no_slot: Callable[[str], str | None],
    ) -> dict[str, list[dict[str, Any]]]:
        """Tell what is new; gives the demands that are blocked, and the floors, for the view."""
        running = {slot.instance: slot for slot in slots}
        with self._lock:
            now = self._clock()
            before, self._seen = self._seen, _Seen(running)
            if before is None:
                self._tell(Event(Kind.HEAD, f"the autoscaler began; {len(running)} workers run"))
            self._tell_gone(before or _Seen(), running)
            self._tell_joined(before, ray, now)
            for instance, node in ray.nodes.items():
                # How long it was idle is told by the last look before it was drained.
                if node.alive and not node.draining:
                    self._seen.nodes[instance] = node
                elif before and instance in running and instance in before.nodes:
                    self._seen.nodes[instance] = before.nodes[instance]
            count = Counter(slot.worker_group for slot in running.values())
            living = ray.living
            self._weigh(ray.demands, lambda one: blocked(one, offers, count, no_slot, living), now)
            self._tell_floors(ray.floors, now)
            return self._view()

    def started(self, slot: Slot) -> None:
        """The autoscaler started it."""
        with self._lock:
            self._started[slot.instance] = self._clock()

    def why_launched(self, worker_group: str, offer: Offer | None) -> str:
        """The demands that a worker of the group can meet."""
        with self._lock:
            fit = [
                str(one.demand)
                for one in self._waiting.values()
                if offer and offer.why_not(one.demand.shape) is None
            ]
        told = fit[:_SHOWN] + ([f"{len(fit) - _SHOWN} more"] if len(fit) > _SHOWN else [])
        return "for " + "; ".join(told) if told else "to reach min_workers"

    def stopping(self, instance: str, *, joined: bool) -> str:
        """Ray has it stopped; gives the reason, which is told once it is gone."""
        with self._lock:
            node = self._seen.nodes.get(instance) if self._seen else None
            if not joined:
                reason = "it did not join Ray in time"
            elif node is None:
                reason = "its node ended"
            elif node.idle_s:
                reason = f"it was idle for {node.idle_s:.0f} s"
            else:
                reason = "Ray ended its node"
            return self._reasons.setdefault(instance, reason)

    def given_up(self, instance: str, reason: str) -> None:
        """It is stopped for another reason than Ray's wish."""
        with self._lock:
            self._reasons.setdefault(instance, reason)

    def _tell_gone(self, before: _Seen, running: Mapping[str, Slot]) -> None:
        again = {(slot.place): slot for slot in running.values()}
        for instance, slot in before.slots.items():
            if instance in running:
                continue
            self._started.pop(instance, None)
            where = {"worker_group": slot.worker_group, "slot": slot.name, "host": slot.host}
            reason = self._reasons.pop(instance, None)
            if reason is not None:
                self._tell(Event(Kind.STOP, f"stopped {slot.place}: {reason}", **where))
            elif slot.place in again:
                self._tell(Event(Kind.END, f"{slot.place} ended and was started again", **where))
            else:
                text = f"{slot.place} was stopped on its host, not by the autoscaler"
                self._tell(Event(Kind.END, text, **where))

    def _tell_joined(self, before: _Seen | None, ray: RayState, now: float) -> None:
        assert self._seen is not None
        for instance, slot in self._seen.slots.items():
            node = ray.nodes.get(instance)
            if before and instance in before.joined:
                self._seen.joined.add(instance)
            elif node is not None and node.alive:
                self._seen.joined.add(instance)
                if before is None:
                    continue
                since = self._started.pop(instance, None)
                took = f" {now - since:.1f} s after its start" if since is not None else ""
                self._tell(
                    Event(
                        Kind.JOIN,
                        f"{slot.place} joined Ray{took}",
                        slot.worker_group,
                        slot.name,
                        slot.host,
                    )
                )

    def _view(self) -> dict[str, list[dict[str, Any]]]:
        waiting = [
            {"demand": str(one.demand), "since": round(one.since, 3), "why": one.blocked.why}
            for one in self._waiting.values()
            if one.blocked and one.told
        ]
        floors = [
            {"demand": str(floor), "since": round(since, 3)}
            for floor, since in self._floors.items()
        ]
        return {"waiting": waiting, "floors": floors}

    def _tell_floors(self, floors: Iterable[Demand], now: float) -> None:
        before, self._floors = self._floors, {}
        for floor in floors:
            self._floors[floor] = before.get(floor, now)
            if floor not in before:
                text = f"{floor} is met, and keeps workers up until it is replaced"
                self._tell(Event(Kind.FLOOR, text))
        for floor in before.keys() - self._floors.keys():
            self._tell(Event(Kind.FLOOR, f"{floor} keeps no workers up any more"))

    def _weigh(
        self, demands: Iterable[Demand], judge: Callable[[Demand], Blocked | None], now: float
    ) -> None:
        before, self._waiting = self._waiting, {}
        for demand in demands:
            key = (demand.shape, demand.of)
            one = before.get(key) or _Waiting(now, demand)
            one.demand, one.blocked = demand, judge(demand)
            self._waiting[key] = one
            if now - one.since < GRACE_S:
                continue
            if one.blocked is None:
                one.told = ()
            elif one.blocked.kinds != one.told:
                one.told = one.blocked.kinds
                self._tell(Event(Kind.BLOCKED, f"{demand} waits: {one.blocked.why}"))
