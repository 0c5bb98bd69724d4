"""Where the nodes of a group stand now, in words for a plan's reasons."""

from __future__ import annotations

from collections.abc import Collection

from adbray_ctl.core.observed.hosts import Observed
from adbray_ctl.core.placement.topology import Placement, Topology
from adbray_ctl.core.slot.record import SlotKind

REDIS_LOST = "what Ray had stored is lost: detached actors, list of jobs"


class Origins:
    """Why a node is made, or leaves, by where it stands."""

    def __init__(self, topology: Topology, observed: Observed, retired: Collection[str]) -> None:
        self._retired = retired
        self._silent = any(host.error for host in observed.hosts)
        self._hosts: dict[str, list[str]] = {}
        for host, record in observed.records():
            if record.group == topology.group:
                self._hosts.setdefault(record.slot, []).append(host)
        # Of several Redis, one that stays has everything the others need.
        self._redis_stays = any(p.host in self._hosts.get(p.slot, ()) for p in topology.redis)

    def of_new(self, placement: Placement) -> str:
        """Why a node is made on a host that has nothing of it."""
        before = self._hosts.get(placement.slot, [])
        if before:
            reason = f"moves from {before[0]}" + self._given_up(before[0], ", which is retired")
        elif self._silent and self._hosts:
            reason = "made anew, for it is on no host that answers"
        else:
            return "new"
        lost = placement.kind is SlotKind.REDIS and not self._redis_stays
        return reason + (f"; {REDIS_LOST}" if lost else "")

    def of_gone(self, node: str, host: str, goal: str | None) -> str:
        """Why a node leaves ``host``; ``goal`` is where it should stand."""
        if goal is None:
            return "no longer in the spec" + self._given_up(host, ", and the host is retired")
        verb = "stands on" if goal in self._hosts[node] else "moves to"
        return f"{verb} {goal}" + self._given_up(host, f": {host} is retired")

    def _given_up(self, host: str, text: str) -> str:
        return text if host in self._retired else ""
