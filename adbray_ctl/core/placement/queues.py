"""The order in which hosts are filled."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from adbray_ctl.core.placement.ledger import HostLedger
from adbray_ctl.core.placement.topology import Replacement
from adbray_ctl.core.placement.wanted import Wanted
from adbray_ctl.core.spec.fleet import Fleet


class HostQueue:
    """The hosts that can take one more slot like ``want``, the one with the most room first.

    Hosts to stay ``apart`` from come last, the one that replaces another first. Rooms only shrink
    while slots are placed, so a host's place in the heap may be too good but never too bad: it is
    looked at again when its turn comes.
    """

    def __init__(
        self,
        fleet: Fleet,
        want: Wanted,
        ledgers: Mapping[str, HostLedger],
        apart: frozenset[str],
        replacing: Replacement | None,
    ) -> None:
        self._request = want.request
        self._apart = apart
        self._first = replacing.new if replacing else None
        self._order = {name: position for position, name in enumerate(ledgers)}
        self._heap = [
            self._rank(ledger)
            for name, ledger in ledgers.items()
            if want.selector.admits(fleet.host(name)) and ledger.why_not(want.request) is None
        ]
        self._ledgers = ledgers
        heapq.heapify(self._heap)

    def pop(self) -> HostLedger | None:
        """The best host, taken out; None when there is none."""
        while self._heap:
            entry = heapq.heappop(self._heap)
            ledger = self._ledgers[entry[-1]]
            if entry == self._rank(ledger):
                if ledger.why_not(self._request) is None:
                    return ledger
            else:
                self.push(ledger)
        return None

    def push(self, ledger: HostLedger) -> None:
        """Put a host back if it still fits."""
        if ledger.why_not(self._request) is None:
            heapq.heappush(self._heap, self._rank(ledger))

    def _rank(self, ledger: HostLedger) -> tuple[bool, bool, float, int, str]:
        name = ledger.host
        return (name in self._apart, name != self._first, -ledger.room, self._order[name], name)
