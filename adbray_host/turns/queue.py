"""Who may start now, and who waits for what: the rules, with neither sockets nor a clock.

A start takes 4 to 20 s of CPU, in several processes, within times that Ray has fixed. Starts that
share a core make each other fail, and each one that fails costs as much once more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

# By whom a start is overtaken: lower comes first, and within one who asked first.
HEAD, LEAST, DEMAND = 0, 1, 2
# A start keeps a core busy most of the time; a head's has twice the processes, and keeps two.
CORES = {HEAD: 2}
# A start that takes longer lets others begin beside it.
HOLD_S = 60.0
# A node that was up for so long ran well, whatever ended it.
WELL_S = 60.0
LONGEST_REST_S = 30.0

CAME, FOR_HEAD, RESTS, WAITS, STARTS = "came", "for head", "rests", "waits", "starts"


@dataclass
class Past:
    """A unit's last ``start`` that had its turn, and how many in a row ``failed``, or ended soon.

    ``ended_at`` is when it ended before its node was up, ``up_at`` when that came up.
    """

    start: str = ""
    failed: int = 0
    ended_at: float | None = None
    up_at: float | None = None


@dataclass
class Entry:
    """A start that is here. ``at`` is until when it rests, or holds its turn."""

    start: str
    rank: int
    number: int
    state: str = CAME
    at: float = 0.0


@dataclass
class Queue:
    """Entries and pasts by unit. ``clock`` is monotonic, ``chance`` gives 0 to 1."""

    cpus: int
    clock: Callable[[], float]
    chance: Callable[[], float]
    pasts: dict[str, Past] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    granted: int = 0
    _numbers: int = 0
    # As many cores as are not known to be wanted by others.
    _room: int = 0

    def __post_init__(self) -> None:
        self._room = self.cpus

    def came(self, unit: str, start: str, rank: int, again: Callable[[], bool]) -> bool:
        """Take in a start; False for one that needs no turn, because it is here or had one.

        ``again`` says whether systemd started the unit by itself, after it had ended.
        """
        past = self.pasts.get(unit, Past())
        if unit in self.entries or (start and past.start == start):
            return False
        now, was_up = self.clock(), past.ended_at is None
        last = past.up_at if was_up else past.ended_at
        failed = last is not None and now - last < WELL_S and again()
        self.pasts[unit] = Past(past.start, past.failed + 1 if failed else 0)
        # It may have ended for reasons that a start has no part in: the first one starts at once.
        rest_s = self._rest_s(past.failed if was_up else past.failed + 1) if failed else 0.0
        self._numbers += 1
        self.entries[unit] = Entry(start, rank, self._numbers, at=now + rest_s)
        return True

    def _rest_s(self, failed: int) -> float:
        if not failed:
            return 0.0
        longest = min(2.0 ** min(failed - 1, 10), LONGEST_REST_S)
        return longest * (0.75 + 0.25 * self.chance())

    def asks(self, unit: str) -> None:
        """It could start now."""
        entry = self.entries[unit]
        if entry.state in (CAME, FOR_HEAD):
            self._numbers += 1
            entry.number, entry.state = self._numbers, RESTS

    def waits_for_head(self, unit: str) -> None:
        """It cannot start now; if it had its turn, another one has it."""
        self.entries[unit].state = FOR_HEAD

    def is_up(self, unit: str) -> None:
        """Its node is up."""
        if unit in self.entries and self.entries[unit].state == STARTS:
            del self.entries[unit]
            self.pasts[unit].up_at = self.clock()
            self._room = min(self._room + 1, self.cpus)

    def left(self, unit: str) -> None:
        """Its process has ended."""
        entry = self.entries.pop(unit, None)
        if entry is not None and entry.state == STARTS:
            self.pasts[unit].ended_at = self.clock()
            # Most likely the cores were not ours alone.
            self._room = max(self._room // 2, 1)

    def due(self) -> list[str]:
        """Give turns; gives the units that have theirs now."""
        now, found = self.clock(), []
        for entry in self.entries.values():
            if entry.state == RESTS and entry.at <= now:
                entry.state = WAITS
        busy = sum(
            CORES.get(entry.rank, 1)
            for entry in self.entries.values()
            if entry.state == STARTS and entry.at > now
        )
        for unit in self._waiting():
            entry = self.entries[unit]
            busy += CORES.get(entry.rank, 1)
            # One may always start, however few the cores.
            if busy > self._room and busy > CORES.get(entry.rank, 1):
                break
            entry.state, entry.at = STARTS, now + HOLD_S
            self.pasts[unit] = Past(entry.start, self.pasts[unit].failed)
            self.granted += 1
            found.append(unit)
        return found

    def _waiting(self) -> list[str]:
        found = [unit for unit, entry in self.entries.items() if entry.state == WAITS]
        return sorted(found, key=lambda u: (self.entries[u].rank, self.entries[u].number))

    def next_at(self) -> float | None:
        """When there is something to do even if no start comes or leaves."""
        now = self.clock()
        found = [e.at for e in self.entries.values() if e.state in (RESTS, STARTS) and e.at > now]
        return min(found, default=None)

    def shown(self) -> dict[str, Any]:
        """For who reads it on this host, and for the next process that keeps turns."""
        waiting = self._waiting()
        return {
            "granted": self.granted,
            "units": {
                unit: {
                    "state": entry.state,
                    "before": waiting.index(unit) if entry.state == WAITS else 0,
                    "at": entry.at,
                    "failed": self.pasts[unit].failed,
                }
                for unit, entry in self.entries.items()
            },
            "pasts": {unit: asdict(past) for unit, past in self.pasts.items()},
        }


def pasts_of(shown: dict[str, Any], now: float) -> dict[str, Past]:
    """The pasts that a process before this one has ``shown``; what started then is taken for up.

    Nothing of one that kept them in another way.
    """
    try:
        found = {unit: Past(**past) for unit, past in shown.get("pasts", {}).items()}
        for unit, entry in shown.get("units", {}).items():
            if entry["state"] == STARTS:
                found[unit].up_at = now
    except (AttributeError, KeyError, TypeError):  # whatever another version wrote
        return {}
    return found
