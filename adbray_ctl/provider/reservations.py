"""Which launch has which slot: none is started twice, and no worker is counted twice."""

from __future__ import annotations

import threading
from collections.abc import Callable

from adbray_ctl.provider.model import HostFault, Slot, SlotFault, SlotState
from adbray_ctl.provider.quarantine import Quarantine
from adbray_ctl.provider.rate import Rate
from adbray_ctl.provider.views import Choice, HostViews


class Reservations:
    """The slots that are being started, and the workers that Ray knows of.

    Ray's threads call: ``set_rate``, ``show``, ``known``, ``count``, ``starting``, ``why_no_slot``.
    Our threads, ``adbray-launch``, call: ``claim``, ``started``, ``failed``.
    Lock: around every method; with it held, those of ``HostViews`` and ``Quarantine`` may be taken.
    """

    def __init__(
        self, views: HostViews, quarantine: Quarantine, clock: Callable[[], float]
    ) -> None:
        self._views = views
        self._quarantine = quarantine
        self._clock = clock
        self._rate = Rate()
        self._lock = threading.Lock()
        # The places that are being started, each with its worker group.
        self._starting: dict[str, str] = {}
        # What the last refresh showed Ray, and what launches have started or taken over since.
        self._known: frozenset[str] = frozenset()
        self._taken: set[str] = set()

    def set_rate(self, most_a_minute: int | None) -> None:
        with self._lock:
            self._rate.limit = most_a_minute

    def show(self) -> tuple[Slot, ...]:
        """What runs or ends, without what is being started: Ray knows it from now on."""
        with self._lock:
            shown = tuple(
                slot
                for slot in self._views.slots()
                if slot.state is not SlotState.STOPPED and slot.place not in self._starting
            )
            self._known = frozenset(slot.instance for slot in shown)
            self._taken &= self._known
            return shown

    def known(self) -> frozenset[str]:
        """The instances that Ray knew when it last asked."""
        with self._lock:
            return self._known

    def count(self, worker_group: str) -> int:
        """How many of the group run or are being started."""
        with self._lock:
            run = {
                slot.place
                for slot in self._views.slots()
                if slot.worker_group == worker_group and slot.state is SlotState.RUNNING
            }
            being = {place for place, group in self._starting.items() if group == worker_group}
            return len(run | being)

    def starting(self) -> frozenset[str]:
        """The places that are being started."""
        with self._lock:
            return frozenset(self._starting)

    def why_no_slot(self, worker_group: str) -> str | None:
        """Why the worker group has no slot to start; None where it has, or one is starting."""
        with self._lock:
            if worker_group in self._starting.values():
                return None
            choice = self._views.choose(worker_group, self._starting)
            return choice if isinstance(choice, str) else None

    def claim(self, worker_group: str, known: frozenset[str]) -> Choice | str | None:
        """A slot for one launch alone, or why there is none.

        None where a worker runs that is not ``known`` and that no other launch has taken: it will
        do, and is this launch's from now on.
        """
        with self._lock:
            # Chosen before workers are looked for: a host that begins to answer in between shows
            # its free slots and its workers at once, and none of the slots may be had alone.
            choice = self._views.choose(worker_group, self._starting)
            if self._take_over(worker_group, known):
                return None
            if isinstance(choice, str):
                return "; ".join([choice, *self._views.silence()])
            if too_many := self._rate.take(self._clock()):
                return too_many
            self._starting[choice.slot.place] = worker_group
            return choice

    def started(self, choice: Choice, worker: Slot) -> None:
        """``worker`` is what the reserved slot has become."""
        with self._lock:
            del self._starting[choice.slot.place]
            self._taken.add(worker.instance)
            self._views.started(choice.view, worker)

    def failed(self, choice: Choice, fault: HostFault | SlotFault) -> None:
        """The reserved slot could not be started."""
        with self._lock:
            del self._starting[choice.slot.place]
            self._quarantine.add(choice.slot, str(fault))
            if isinstance(fault, HostFault):
                self._views.failed(choice.view, fault)

    def _take_over(self, worker_group: str, known: frozenset[str]) -> bool:
        """One that is set aside does not count: it may have been seen while its start failed."""
        for slot in self._views.slots():
            if (
                slot.worker_group == worker_group
                and slot.state is SlotState.RUNNING
                and slot.place not in self._starting
                and slot.instance not in known | self._taken
                and self._quarantine.refusal(slot) is None
            ):
                self._taken.add(slot.instance)
                return True
        return False
