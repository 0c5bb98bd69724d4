"""Writes an event for what changed from one tick of the autoscaler to the next, and why."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adbray_ctl.provider.demand import Offer, blocked
from adbray_ctl.provider.journal import Event, Kind
from adbray_ctl.provider.model import Slot
from adbray_ctl.provider.ray_state import RayNode, RayState
from adbray_ctl.provider.waits import Waits

_SHOWN = 4


@dataclass
class _Seen:
    """What the last look saw."""

    slots: dict[str, Slot] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)
    nodes: dict[str, RayNode] = field(default_factory=dict)


class Chronicle:
    """Keeps only what it needs to compare: it may be replaced at any time.

    Lock: around every method; with it held, those of the fleet may be taken, as ``look`` asks why
    a worker group has no slot.
    """

    def __init__(self, report: Callable[[Event], None], clock: Callable[[], float]) -> None:
        self._report = report
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: _Seen | None = None
        self._started: dict[str, float] = {}
        # Until when each was seen to wait for its turn to start.
        self._waited: dict[str, float] = {}
        self._reasons: dict[str, str] = {}
        self._waits = Waits(report)

    def look(
        self,
        slots: Iterable[Slot],
        ray: RayState,
        offers: Mapping[str, Offer],
        no_slot: Callable[[str], str | None],
    ) -> dict[str, list[dict[str, Any]]]:
        """Write what is new; gives the demands that are blocked, and the floors, for the view."""
        running = {slot.instance: slot for slot in slots}
        with self._lock:
            now = self._clock()
            before, self._seen = self._seen, _Seen(running)
            if before is None:
                self._report(Event(Kind.HEAD, f"the autoscaler began; {len(running)} workers run"))
            self._note_waits(running, now)
            self._report_gone(before or _Seen(), running)
            self._report_joined(before, ray, now)
            for instance, node in ray.nodes.items():
                # How long it was idle, the last look before it was drained knows.
                if node.alive and not node.draining:
                    self._seen.nodes[instance] = node
                elif before and instance in running and instance in before.nodes:
                    self._seen.nodes[instance] = before.nodes[instance]
            count = Counter(slot.worker_group for slot in running.values())
            living = ray.living
            self._waits.weigh(
                ray.demands, lambda one: blocked(one, offers, count, no_slot, living), now
            )
            self._waits.hold(ray.floors, now)
            return self._waits.shown()

    def started(self, slot: Slot) -> None:
        """The autoscaler started it."""
        with self._lock:
            self._started[slot.instance] = self._clock()

    def why_launched(self, worker_group: str, offer: Offer | None) -> str:
        """The demands that a worker of the group can meet."""
        with self._lock:
            fit = [str(demand) for demand in self._waits.fitting(offer)] if offer else []
        if not fit:
            return "to reach min_workers"
        more = [f"{len(fit) - _SHOWN} more"] if len(fit) > _SHOWN else []
        return "for " + "; ".join(fit[:_SHOWN] + more)

    def stopping(self, instance: str, *, joined: bool) -> str:
        """Ray has it stopped; gives the reason, which the event shows once it is gone."""
        with self._lock:
            node = self._seen.nodes.get(instance) if self._seen else None
            if not joined:
                reason = "nothing needs it any more"
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

    def _report_gone(self, before: _Seen, running: Mapping[str, Slot]) -> None:
        again = {(slot.place): slot for slot in running.values()}
        for instance, slot in before.slots.items():
            if instance in running:
                continue
            self._started.pop(instance, None)
            where = {"worker_group": slot.worker_group, "slot": slot.name, "host": slot.host}
            reason = self._reasons.pop(instance, None)
            if reason is not None:
                self._report(Event(Kind.STOP, f"stopped {slot.place}: {reason}", **where))
            elif slot.place in again:
                self._report(Event(Kind.END, f"{slot.place} ended and was started again", **where))
            else:
                text = f"{slot.place} was stopped on its host, not by the autoscaler"
                self._report(Event(Kind.END, text, **where))

    def _report_joined(self, before: _Seen | None, ray: RayState, now: float) -> None:
        assert self._seen is not None
        for instance, slot in self._seen.slots.items():
            node = ray.nodes.get(instance)
            if before and instance in before.joined:
                self._seen.joined.add(instance)
            elif node is not None and node.alive:
                self._seen.joined.add(instance)
                if before is None:
                    continue
                self._report(
                    Event(
                        Kind.JOIN,
                        f"{slot.place} joined Ray{self._took(instance, now)}",
                        slot.worker_group,
                        slot.name,
                        slot.host,
                    )
                )

    def _note_waits(self, running: Mapping[str, Slot], now: float) -> None:
        before, self._waited = self._waited, {}
        for instance, slot in running.items():
            if slot.waits or instance in before:
                self._waited[instance] = now if slot.waits else before[instance]

    def _took(self, instance: str, now: float) -> str:
        """How long its start took, and its turn to come; nothing of a start that was not seen."""
        since = self._started.pop(instance, None)
        if since is None:
            return ""
        waited_s = self._waited.get(instance, since) - since
        turn = f", {waited_s:.1f} s of which it waited for its turn" if waited_s > 0 else ""
        return f" {now - since:.1f} s after its start{turn}"
