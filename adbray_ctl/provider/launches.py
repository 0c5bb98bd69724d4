"""Starts workers as Ray asks: several at once, each as soon as a slot is free."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from adbray_ctl.provider.journal import Event, Kind
from adbray_ctl.provider.model import HostFault, Slot, SlotFault
from adbray_ctl.provider.power import PowerSwitch
from adbray_ctl.provider.quarantine import Quarantine
from adbray_ctl.provider.reservations import Reservations
from adbray_ctl.provider.views import Choice, HostViews

_THREADS = 64
# How long a launch waits for a slot to become free before it fails. Ray asks again at each tick and
# keeps a row of every failure for ever, so that each failure of a worker group doubles it.
PATIENCE_S = 5.0
LONGEST_PATIENCE_S = 120.0
_LOOK_AGAIN_S = 0.5


class LaunchFault(Exception):
    """A worker could not be started on any slot; the text says why, slot by slot."""


class Patience:
    """How many seconds a launch of a worker group waits for a free slot.

    Ray's threads call: every method.
    Lock: around every method; with it held, no other is taken.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[str, float] = {}

    def of(self, worker_group: str) -> float:
        with self._lock:
            return self._seconds.get(worker_group, PATIENCE_S)

    def grow(self, worker_group: str, waited_s: float) -> None:
        """A launch that waited so long failed: the next one waits twice as long."""
        with self._lock:
            self._seconds[worker_group] = min(2 * waited_s, LONGEST_PATIENCE_S)

    def reset(self, worker_group: str) -> None:
        with self._lock:
            self._seconds.pop(worker_group, None)


@dataclass(frozen=True)
class Wanted:
    """One worker of a group, on a slot that is free ``until`` then; ``least``: always wanted."""

    worker_group: str
    until: float
    least: bool


class Launches:
    """Launches of many workers at once.

    Ray's threads call: ``launch``, which waits for our threads.
    Our threads, ``adbray-launch``, run: ``Starter.start``, each for one worker.
    Lock: none; no field changes but those of ``Patience``.
    """

    def __init__(
        self, starter: Starter, reservations: Reservations, clock: Callable[[], float]
    ) -> None:
        self._starter = starter
        self._reservations = reservations
        self._clock = clock
        self._patience = Patience()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="adbray-launch")

    def launch(
        self, worker_group: str, count: int, started: Callable[[Slot], None], least: int
    ) -> None:
        """Start ``count`` slots at once, or as soon as they are free; each is given to ``started``.

        The first ones, so that ``least`` of the group run, come before what work asks for.
        A worker that apply has started meanwhile counts: Ray did not know of it when it asked.
        Raises LaunchFault when fewer could be started; the next launch of the group waits longer.
        """
        patience_s = self._patience.of(worker_group)
        known = self._reservations.known()
        lacking = least - self._reservations.count(worker_group)

        def start(number: int) -> None:
            wanted = Wanted(worker_group, self._clock() + patience_s, least=number < lacking)
            worker = self._starter.start(wanted, known)
            if worker is not None:
                started(worker)

        launches: list[Future[None]] = [self._pool.submit(start, n) for n in range(count)]
        wait(launches)
        faults = [fault for launch in launches if (fault := launch.exception())]
        if not faults:
            self._patience.reset(worker_group)
            return
        self._patience.grow(worker_group, patience_s)
        reasons = dict.fromkeys(str(fault) for fault in faults)
        raise LaunchFault(f"{len(faults)} of {count} not started: {'; '.join(reasons)}")


class Starter:
    """The start of one worker.

    Ray's threads call: nothing.
    Our threads, ``adbray-launch``, run: ``start``.
    Lock: none; no field changes.
    """

    def __init__(
        self,
        views: HostViews,
        quarantine: Quarantine,
        reservations: Reservations,
        power: PowerSwitch,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        report: Callable[[Event], None],
    ) -> None:
        self._views = views
        self._quarantine = quarantine
        self._reservations = reservations
        self._power = power
        self._clock = clock
        self._sleep = sleep
        self._report = report

    def start(self, wanted: Wanted, known: frozenset[str]) -> Slot | None:
        """The worker that was started; None where another has come to run that is not ``known``.

        Raises LaunchFault when no slot is free in time.
        """
        failed: list[str] = []
        worker_group = wanted.worker_group
        while (choice := self._reservations.claim(worker_group, known)) is not None:
            if isinstance(choice, str):
                if self._clock() >= wanted.until + self._more_patience_s(worker_group):
                    raise LaunchFault("; ".join(dict.fromkeys([*failed, choice])))
                self._sleep(_LOOK_AGAIN_S)
                continue
            try:
                return self._start(wanted, choice)
            except (HostFault, SlotFault) as fault:
                self._reservations.failed(choice, fault)
                failed.append(f"{choice.slot.place}: {fault}")
        return None

    def _more_patience_s(self, worker_group: str) -> float:
        """While apply holds slots of the worker group back: what it starts will do."""
        slots = self._views.slots()
        held = any(slot.held for slot in slots if slot.worker_group == worker_group)
        return LONGEST_PATIENCE_S if held else 0.0

    def _start(self, wanted: Wanted, choice: Choice) -> Slot:
        began, slot = self._clock(), choice.slot
        start = self._wake if choice.asleep else _start
        worker = start(choice, wanted.least)
        self._reservations.started(choice, worker)
        text = f"started {slot.place} within {self._clock() - began:.1f} s"
        self._report(Event(Kind.START, text, wanted.worker_group, slot.name, slot.host))
        return worker

    def _wake(self, choice: Choice, least: bool) -> Slot:
        try:
            return self._power.wake(choice.view.host, lambda: _start(choice, least))
        except HostFault as fault:
            # The host's other slots would only wait as long again.
            slots = self._views.slots()
            others = [s for s in slots if s.host == choice.slot.host and s.name != choice.slot.name]
            self._quarantine.add_without_event(others, str(fault))
            raise


def _start(choice: Choice, least: bool) -> Slot:
    # A gate that gives no turns would refuse the word; one that was never asked may be such.
    least = least and choice.slot.waits is not None
    return choice.view.link.start(choice.slot.name, least=least)
