"""Which slots are set aside for a while because they failed, why, and until when."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_S = 60.0
LONGEST_S = 600.0
# A fault this long after the last one is a first fault again.
FORGIVEN_S = 1800.0

# A slot whose process ends this often within the span is failing, whatever systemd makes of it.
ENDS = 3
WITHIN_S = 120.0


@dataclass(frozen=True)
class Fault:
    """A slot's last fault: set aside ``until`` (monotonic seconds); ``times`` in a row."""

    reason: str
    at: float
    until: float
    times: int


class Quarantine:
    """Slots by name; each fault in a row doubles the time."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._ends: dict[str, list[float]] = {}

    def add(self, slot: str, reason: str, now: float) -> Fault:
        before = self._faults.get(slot)
        times = before.times + 1 if before and now - before.until < FORGIVEN_S else 1
        span = min(FIRST_S * 2 ** (times - 1), LONGEST_S)
        fault = Fault(reason=reason, at=now, until=now + span, times=times)
        self._faults[slot] = fault
        return fault

    def ended(self, slot: str, now: float) -> bool:
        """Count one end of a slot's process; whether it is one too many."""
        recent = [at for at in self._ends.get(slot, ()) if now - at < WITHIN_S] + [now]
        self._ends[slot] = recent
        if len(recent) < ENDS:
            return False
        del self._ends[slot]
        return True

    def fault(self, slot: str, now: float) -> Fault | None:
        """Why the slot is set aside, if it is."""
        fault = self._faults.get(slot)
        return fault if fault and fault.until > now else None
