"""All hosts of the group as last seen: they are asked what runs, and may be silent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from adbray_ctl.provider.choice import choose
from adbray_ctl.provider.journal import Event
from adbray_ctl.provider.model import HostAddress, HostFault, Slot
from adbray_ctl.provider.quarantine import Quarantine
from adbray_ctl.provider.view import HostView, Link

# How long one look at all hosts may take; who is later counts as silent until the answer comes.
ANSWER_S = 4.0
# The first look waits longer: what is not known to run would be started twice.
FIRST_ANSWER_S = 15.0
_THREADS = 64


@dataclass(frozen=True)
class Choice:
    """A slot to start, the view of its host, and whether that may have to be woken."""

    view: HostView
    slot: Slot
    asleep: bool


class HostViews:
    """What every host last said.

    Ray's threads call: ``set_hosts``, ``ask``, ``collect``, ``tired``, ``troubles``.
    All threads call: the rest.
    Our threads, ``adbray-ask``, run: ``Link.list``.
    Lock: around every method, but not while ``ask`` waits; with it held, that of ``Quarantine`` may
    be taken.
    """

    def __init__(
        self,
        connect: Callable[[HostAddress], Link],
        quarantine: Quarantine,
        clock: Callable[[], float],
        report: Callable[[Event], None],
    ) -> None:
        self._connect = connect
        self._quarantine = quarantine
        self._clock = clock
        self._report = report
        self._lock = threading.Lock()
        self._views: dict[str, HostView] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="adbray-ask")

    def set_hosts(self, hosts: Iterable[HostAddress]) -> None:
        """The hosts to ask from now on."""
        wanted = {host.name: host for host in hosts}
        with self._lock:
            gone = [v for v in self._views.values() if wanted.get(v.host.name) != v.host]
            for view in gone:
                del self._views[view.host.name]
            for name, host in wanted.items():
                if name not in self._views:
                    self._views[name] = HostView(host, self._connect(host), self._report)
        for view in gone:
            view.link.close()

    def ask(self) -> None:
        """Ask all hosts at once, and wait for those that are not silent."""
        with self._lock:
            now = self._clock()
            asked = [view.ask(self._pool, now) for view in self._views.values()]
            new = any(not view.answered and not view.error for view in self._views.values())
        pending = [answer for answer in asked if answer is not None]
        wait(pending, timeout=FIRST_ANSWER_S if new else ANSWER_S)

    def collect(self) -> dict[str, str]:
        """Take the answers; gives the instances that cannot stay up, each with the reason."""
        with self._lock:
            now = self._clock()
            ended = [slot for view in self._views.values() for slot in view.collect(now)]
            found = {slot.instance: self._quarantine.ended(slot) for slot in ended}
        return {instance: reason for instance, reason in found.items() if reason}

    def tired(self, starting: Container[str]) -> list[HostView]:
        """The hosts to put to sleep now; ``starting`` are the places that are being started."""
        with self._lock:
            now = self._clock()
            return [view for view in self._views.values() if view.is_tired(now, starting)]

    def slots(self) -> list[Slot]:
        """All slots of all hosts."""
        with self._lock:
            return self._slots()

    def choose(self, worker_group: str, starting: Container[str]) -> Choice | str:
        """The slot to start next, or why there is none."""
        with self._lock:
            chosen = choose(
                worker_group,
                self._slots(),
                lambda slot: self._refusal(slot, starting),
                lambda slot: self._views[slot.host].may_sleep,
            )
            if isinstance(chosen, str):
                return chosen
            view = self._views[chosen.host]
            return Choice(view, chosen, view.may_sleep)

    def reachable(self, instance: str) -> HostView | None:
        """The host that runs it, if that is not silent."""
        with self._lock:
            views = (v for v in self._views.values() if not v.error and v.running(instance))
            return next(views, None)

    def is_gone(self, instance: str) -> bool:
        """Whether no host runs it, and none that is silent may run it."""
        with self._lock:
            return not any(view.may_run(instance) for view in self._views.values())

    def started(self, view: HostView, slot: Slot) -> None:
        """We started ``slot``, and this is what it became."""
        with self._lock:
            view.changed(slot)

    def stopped(self, view: HostView, instance: str, slot: Slot) -> None:
        """We stopped ``instance``, and this is what it became; another start may be seen by now."""
        with self._lock:
            if view.running(instance) is not None:
                view.changed(slot)

    def failed(self, view: HostView, fault: HostFault) -> None:
        """The host did not answer when it was to change a slot."""
        with self._lock:
            view.fail(str(fault), self._clock())

    def fell_asleep(self, view: HostView) -> None:
        """We put the host to sleep."""
        with self._lock:
            view.sleep(self._clock())

    def silence(self) -> list[str]:
        """The hosts that do not answer, each with the reason."""
        with self._lock:
            return [f"{v.host.name}: {v.error}" for v in self._views.values() if v.error]

    def troubles(self) -> dict[str, list[dict[str, Any]]]:
        """The hosts that do not answer; apart from the rest those that may be asleep."""
        with self._lock:
            errors = [v for v in self._views.values() if v.error]
            return {
                "silent": [
                    {"host": v.host.name, "reason": v.error} for v in errors if not v.may_sleep
                ],
                "asleep": [{"host": v.host.name} for v in errors if v.may_sleep],
            }

    def _slots(self) -> list[Slot]:
        return [slot for view in self._views.values() for slot in view.slots.values()]

    def _refusal(self, slot: Slot, starting: Container[str]) -> str | None:
        if slot.place in starting:
            return "is being started"
        if slot.held:
            return "is held back; `adbray apply` releases it"
        view = self._views[slot.host]
        if view.error and not view.may_sleep:
            return f"cannot be reached: {view.error}"
        return self._quarantine.refusal(slot)
