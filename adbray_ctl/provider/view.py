"""What one host last said of its slots, and when to ask it again."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from concurrent.futures import Executor, Future
from typing import Protocol

from adbray_ctl.provider.journal import Event, Kind
from adbray_ctl.provider.model import (
    HostAddress,
    HostFault,
    Slot,
    SlotFault,
    SlotState,
    split_instance,
)

LONGEST_PAUSE_S = 30.0


class Link(Protocol):
    """A host's gate; every method raises HostFault or SlotFault."""

    def list(self) -> tuple[Slot, ...]: ...

    def start(self, slot: str, *, least: bool = False) -> Slot: ...

    def stop(self, instance: str) -> Slot: ...

    def rest(self) -> None: ...

    def close(self) -> None: ...


class HostView:
    """What one host last said.

    Lock: that of ``HostViews``, around everything but ``host`` and ``link``.

    A host that does not answer keeps its slots as they were last seen: Ray, not SSH, says which
    workers live. It is asked again after a pause that doubles up to ``LONGEST_PAUSE_S``. One event
    says that it fell silent, and one that it answers again.
    """

    def __init__(self, host: HostAddress, link: Link, report: Callable[[Event], None]) -> None:
        self.host = host
        self.link = link
        self.slots = {name: Slot(host.name, name, g, SlotState.STOPPED) for name, g in host.slots}
        # Since when no worker runs here (monotonic seconds); None while one does.
        self.idle_since: float | None = None
        self.error = ""
        self.answered = False
        self._report = report
        self._pending: Future[tuple[Slot, ...]] | None = None
        self._failures = 0
        self._next_try = 0.0
        # Counts our own changes, so that a list asked for before one does not undo it.
        self._changes = 0
        self._changed: dict[str, int] = {}
        self._asked_after = 0

    def ask(self, pool: Executor, now: float) -> Future[tuple[Slot, ...]] | None:
        """Ask for the list, unless that is under way or too early; the future to wait for.

        There is nothing to wait for while the host is silent: its answer is taken when it comes.
        """
        if self._pending is None and now >= self._next_try:
            self._asked_after = self._changes
            self._pending = pool.submit(self.link.list)
        return None if self.error else self._pending

    def collect(self, now: float) -> Iterator[Slot]:
        """Take the answer, if there is one; gives the slots whose process ended by itself."""
        if self._pending is None:
            return
        if not self._pending.done():
            self._set_error(self.error or f"no answer yet from {self.host.address}")
            return
        answer, self._pending = self._pending, None
        try:
            slots = answer.result()
        except (HostFault, SlotFault) as fault:
            self.fail(str(fault), now)
            return
        self._set_error("")
        self.answered, self._failures, self._next_try = True, 0, 0.0
        before, self.slots = self.slots, {}
        for slot in slots:
            old = before.get(slot.name)
            if old is not None and self._changed.get(slot.name, 0) > self._asked_after:
                self.slots[slot.name] = old
                continue
            self.slots[slot.name] = slot
            if old and old.start and slot.start and old.start != slot.start:
                yield slot

    def fail(self, error: str, now: float) -> None:
        """The host could not be asked."""
        self._set_error(error)
        self._pause(now)

    def sleep(self, now: float) -> None:
        """It was put to sleep: it is silent from now on, without an event."""
        self.error = "it was put to sleep"
        self._pause(now)

    @property
    def may_sleep(self) -> bool:
        """Whether it is silent and could be woken."""
        return bool(self.error) and self.host.power is not None

    def is_tired(self, now: float, starting: Container[str]) -> bool:
        """Whether it has been idle long enough to be put to sleep; true once, then it counts again.

        ``starting`` are the places of the slots that are being started.
        """
        power = self.host.power
        if power is None or not power.sleep or self.error or not self.answered:
            self.idle_since = None
            return False
        if any(
            s.state is not SlotState.STOPPED or s.place in starting for s in self.slots.values()
        ):
            self.idle_since = None
            return False
        if self.idle_since is None:
            self.idle_since = now
        if now - self.idle_since < power.idle_s:
            return False
        self.idle_since = now
        return True

    def changed(self, slot: Slot) -> None:
        """We changed ``slot``, and this is what it became."""
        self._changes += 1
        self._changed[slot.name] = self._changes
        self.slots[slot.name] = slot

    def running(self, instance: str) -> Slot | None:
        """The slot that ``instance`` runs or ends in, as last seen."""
        for slot in self.slots.values():
            if slot.instance == instance and slot.state is not SlotState.STOPPED:
                return slot
        return None

    def may_run(self, instance: str) -> bool:
        """Whether it runs here; a silent host may run it under a start that we have not seen."""
        if not self.answered or self.running(instance) is not None:
            return True
        name, _ = split_instance(instance)
        return bool(self.error) and name in self.slots

    def _set_error(self, error: str) -> None:
        had, self.error = self.error, error
        if error and not had:
            asleep = ", which it need not: it may be asleep" if self.may_sleep else ""
            text = f"{self.host.name} does not answer{asleep}: {error}"
            self._report(Event(Kind.SILENT, text, host=self.host.name))
        elif had and not error:
            self._report(Event(Kind.BACK, f"{self.host.name} answers again", host=self.host.name))

    def _pause(self, now: float) -> None:
        self._failures += 1
        self._next_try = now + min(2.0**self._failures, LONGEST_PAUSE_S)
