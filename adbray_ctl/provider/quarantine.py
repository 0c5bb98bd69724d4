"""Which slots are set aside for a while because they failed, why, and until when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from adbray_ctl.provider.journal import Event, Kind
from adbray_ctl.provider.model import Slot

FIRST_S = 60.0
LONGEST_S = 600.0
# A fault this long after the last one is a first fault again.
FORGIVEN_S = 1800.0

# A slot whose process ends this often within the span is failing, whatever systemd makes of it.
ENDS = 3
WITHIN_S = 120.0
_ENDS_TOO_OFTEN = f"its process ended {ENDS} times within {WITHIN_S:.0f} s"


@dataclass(frozen=True)
class Fault:
    """A slot's last fault: set aside ``until`` (monotonic seconds); ``times`` in a row."""

    reason: str
    at: float
    until: float
    times: int


class Faults:
    """Slots by place; each fault in a row doubles the time. Not thread-safe."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._ends: dict[str, list[float]] = {}

    def add(self, place: str, reason: str, now: float) -> Fault:
        before = self._faults.get(place)
        times = before.times + 1 if before and now - before.until < FORGIVEN_S else 1
        span = min(FIRST_S * 2 ** (times - 1), LONGEST_S)
        fault = Fault(reason=reason, at=now, until=now + span, times=times)
        self._faults[place] = fault
        return fault

    def ended(self, place: str, now: float) -> bool:
        """Count one end of a slot's process; whether it is one too many."""
        recent = [at for at in self._ends.get(place, ()) if now - at < WITHIN_S] + [now]
        self._ends[place] = recent
        if len(recent) < ENDS:
            return False
        del self._ends[place]
        return True

    def fault(self, place: str, now: float) -> Fault | None:
        """Why the slot is set aside, if it is."""
        fault = self._faults.get(place)
        return fault if fault and fault.until > now else None


class Quarantine:
    """The slots that are set aside; an event says so.

    All threads call: every method.
    Lock: around every method; with it held, no other of the fleet is taken.
    """

    def __init__(self, clock: Callable[[], float], report: Callable[[Event], None]) -> None:
        self._clock = clock
        self._report = report
        self._lock = threading.Lock()
        self._faults = Faults()

    def add(self, slot: Slot, reason: str) -> None:
        """Set ``slot`` aside."""
        with self._lock:
            self._add(slot, reason)

    def add_without_event(self, slots: Iterable[Slot], reason: str) -> None:
        """Set slots aside for the fault of another one of their host, which has its event."""
        with self._lock:
            for slot in slots:
                self._faults.add(slot.place, reason, self._clock())

    def ended(self, slot: Slot) -> str | None:
        """Count one end of the slot's process; sets it aside, with the reason, if it ends often."""
        with self._lock:
            if not self._faults.ended(slot.place, self._clock()):
                return None
            self._add(slot, _ENDS_TOO_OFTEN)
            return _ENDS_TOO_OFTEN

    def refusal(self, slot: Slot) -> str | None:
        """Why the slot must not be started now."""
        with self._lock:
            now = self._clock()
            fault = self._faults.fault(slot.place, now)
        return f"is set aside for {fault.until - now:.0f} s: {fault.reason}" if fault else None

    def shown(self, slots: Iterable[Slot]) -> list[dict[str, Any]]:
        """Those of ``slots`` that are set aside, each with the reason."""
        with self._lock:
            now = self._clock()
            found = [(slot, self._faults.fault(slot.place, now)) for slot in slots]
        return [
            {"slot": slot.name, "host": slot.host, "times": fault.times, "reason": fault.reason}
            for slot, fault in found
            if fault
        ]

    def _add(self, slot: Slot, reason: str) -> None:
        fault = self._faults.add(slot.place, reason, self._clock())
        text = f"{slot.place} is set aside for {fault.until - fault.at:.0f} s: {reason}"
        self._report(Event(Kind.FAULT, text, slot.worker_group, slot.name, slot.host))
