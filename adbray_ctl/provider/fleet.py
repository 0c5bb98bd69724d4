"""The hosts as the autoscaler's memory: what runs where is asked, started and stopped there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from adbray_ctl.provider.choice import choose
from adbray_ctl.provider.journal import Event, Kind
from adbray_ctl.provider.model import (
    HostAddress,
    HostFault,
    Slot,
    SlotFault,
    SlotState,
    split_instance,
)
from adbray_ctl.provider.power import PowerSwitch, run_command
from adbray_ctl.provider.quarantine import ENDS, WITHIN_S, Quarantine
from adbray_ctl.provider.rate import Rate
from adbray_ctl.provider.view import HostView, Link

logger = logging.getLogger(__name__)

# How long one look at all hosts may take; who is later counts as silent until the answer comes.
ANSWER_S = 4.0
# The first look waits longer: what is not known to run would be started twice.
FIRST_ANSWER_S = 15.0
# A stop that the host refused is tried again after this long.
_STOP_AGAIN_S = 10.0
_THREADS = 64
# How long a launch waits for a slot to become free before it fails. Ray asks anew at each tick and
# keeps a row of every failure for ever, so that each failure of a worker group doubles it.
PATIENCE_S = 5.0
LONGEST_PATIENCE_S = 120.0
_LOOK_AGAIN_S = 0.5


class LaunchFault(Exception):
    """A worker could not be started on any slot; the text says why, slot by slot."""


class SlotFleet:
    """All hosts of the group. Thread-safe; no lock is held while a host is spoken to."""

    def __init__(
        self,
        connect: Callable[[HostAddress], Link],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        tell: Callable[[Event], None],
        run: Callable[[Sequence[str]], None] = run_command,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._sleep = sleep
        self._tell = tell
        self._rate = Rate()
        self._power = PowerSwitch(run, clock, sleep, tell)
        self._patience: dict[str, float] = {}
        self._lock = threading.Lock()
        self._views: dict[str, HostView] = {}
        self._quarantine = Quarantine()
        self._reserved: set[str] = set()
        # What the last refresh told, and what a launch has started or taken over since.
        self._told: set[str] = set()
        self._taken: set[str] = set()
        # What is to be stopped, and when that is tried next; kept until its host says it is gone.
        self._to_stop: dict[str, float] = {}
        self._stopping: set[str] = set()
        self._given_up: dict[str, str] = {}
        self._asks = ThreadPoolExecutor(_THREADS, thread_name_prefix="adbray-ask")
        self._launches = ThreadPoolExecutor(_THREADS, thread_name_prefix="adbray-launch")
        self._stops = ThreadPoolExecutor(_THREADS, thread_name_prefix="adbray-stop")

    def set_rate(self, most_a_minute: int | None) -> None:
        """Start no more slots a minute than that; None for no limit."""
        self._rate.limit = most_a_minute

    def set_hosts(self, hosts: Iterable[HostAddress]) -> None:
        """The hosts to ask from now on."""
        wanted = {host.name: host for host in hosts}
        with self._lock:
            gone = [v for v in self._views.values() if wanted.get(v.host.name) != v.host]
            for view in gone:
                del self._views[view.host.name]
            for name, host in wanted.items():
                if name not in self._views:
                    self._views[name] = HostView(host, self._connect(host))
        for view in gone:
            view.link.close()

    def refresh(self) -> tuple[Slot, ...]:
        """Ask all hosts at once; gives what runs, ends, or was last seen to do so."""
        with self._lock:
            now = self._clock()
            asked = [view.ask(self._asks, now) for view in self._views.values()]
            new = any(not view.answered and not view.error for view in self._views.values())
        pending = [answer for answer in asked if answer is not None]
        wait(pending, timeout=FIRST_ANSWER_S if new else ANSWER_S)
        with self._lock:
            now = self._clock()
            for view in self._views.values():
                had = view.error
                for slot in view.collect(now):
                    self._ended(slot, now)
                self._tell_silence(view, had)
                if view.is_tired(now, busy=self._is_busy(view)):
                    self._stops.submit(self._put_to_sleep, view)
            for instance in [i for i, at in self._to_stop.items() if at <= now]:
                self._stop_now(instance)
            found = tuple(
                slot
                for view in self._views.values()
                for slot in view.slots.values()
                if slot.state is not SlotState.STOPPED and slot.place not in self._reserved
            )
            self._told = {slot.instance for slot in found}
            self._taken &= self._told
            return found

    def launch(self, worker_group: str, count: int, started: Callable[[Slot], None]) -> None:
        """Start ``count`` slots at once, or as soon as they are free; each is given to ``started``.

        A worker that apply has started meanwhile counts: Ray did not know of it when it asked.
        Raises LaunchFault when fewer could be started; the next launch of the group waits longer.
        """
        patience = self._patience.get(worker_group, PATIENCE_S)
        with self._lock:
            known = frozenset(self._told)

        def one() -> None:
            slot = self._launch_one(worker_group, self._clock() + patience, known)
            if slot is not None:
                started(slot)

        launches: list[Future[None]] = [self._launches.submit(one) for _ in range(count)]
        wait(launches)
        faults = [fault for launch in launches if (fault := launch.exception())]
        self._patience[worker_group] = (
            min(2 * patience, LONGEST_PATIENCE_S) if faults else PATIENCE_S
        )
        if faults:
            reasons = dict.fromkeys(str(fault) for fault in faults)
            raise LaunchFault(f"{len(faults)} of {count} not started: {'; '.join(reasons)}")

    def stop(self, instance: str) -> None:
        """Stop ``instance``, now or when its host can be reached again; returns at once."""
        with self._lock:
            self._to_stop.setdefault(instance, 0.0)
            self._stop_now(instance)

    def set_aside(self, instance: str, reason: str) -> None:
        """Do not start the slot of ``instance`` for a while."""
        with self._lock:
            for view in self._views.values():
                if slot := view.running(instance):
                    self._fault(slot, reason)

    def given_up(self) -> dict[str, str]:
        """What is stopped though Ray did not ask for it, and why; each is told once."""
        with self._lock:
            told, self._given_up = self._given_up, {}
            return told

    def why_no_slot(self, worker_group: str) -> str | None:
        """Why the worker group has no slot to start; None where it has, or one is starting."""
        with self._lock:
            slots = [slot for view in self._views.values() for slot in view.slots.values()]
            mine = [slot for slot in slots if slot.worker_group == worker_group]
            if any(slot.place in self._reserved for slot in mine):
                return None
            chosen = choose(worker_group, slots, self._refusal, self._sleeps)
            return chosen if isinstance(chosen, str) else None

    def troubles(self) -> dict[str, list[dict[str, Any]]]:
        """The hosts that do not answer and the slots that are set aside, each with its reason."""
        with self._lock:
            now = self._clock()
            views = list(self._views.values())
            asleep = [{"host": v.host.name} for v in views if v.may_sleep]
            silent = [
                {"host": v.host.name, "reason": v.error}
                for v in views
                if v.error and not v.may_sleep
            ]
            places = [slot for view in views for slot in view.slots.values()]
            aside = [
                {"slot": slot.name, "host": slot.host, "times": f.times, "reason": f.reason}
                for slot in places
                if (f := self._quarantine.fault(slot.place, now))
            ]
            return {"silent": silent, "asleep": asleep, "set_aside": aside}

    def _launch_one(self, worker_group: str, until: float, known: frozenset[str]) -> Slot | None:
        """The slot that was started; None where another has come to run since ``known``."""
        failed: list[str] = []
        while True:
            if self._take_over(worker_group, known):
                return None
            try:
                view, slot = self._reserve(worker_group, failed)
            except LaunchFault:
                patience_s = LONGEST_PATIENCE_S if self._is_held(worker_group) else 0.0
                if self._clock() >= until + patience_s:
                    raise
                self._sleep(_LOOK_AGAIN_S)
                continue
            began = self._clock()
            try:
                started = self._start(view, slot)
            except (HostFault, SlotFault) as fault:
                failed.append(f"{slot.place}: {fault}")
                with self._lock:
                    self._reserved.discard(slot.place)
                    self._fault(slot, str(fault))
                    if isinstance(fault, HostFault):
                        self._fail(view, str(fault))
                continue
            with self._lock:
                self._reserved.discard(slot.place)
                self._taken.add(started.instance)
                view.changed(started)
            text = f"started {slot.place} within {self._clock() - began:.1f} s"
            self._tell(Event(Kind.START, text, worker_group, slot.name, slot.host))
            return started

    def _is_held(self, worker_group: str) -> bool:
        """Whether apply is at work on the worker group: what it starts will do."""
        with self._lock:
            slots = (slot for view in self._views.values() for slot in view.slots.values())
            return any(slot.held for slot in slots if slot.worker_group == worker_group)

    def _take_over(self, worker_group: str, known: frozenset[str]) -> bool:
        """Whether a worker runs that nobody knew of and no other launch has taken."""
        with self._lock:
            for view in self._views.values():
                for slot in view.slots.values():
                    if (
                        slot.worker_group == worker_group
                        and slot.state is SlotState.RUNNING
                        and slot.place not in self._reserved
                        and slot.instance not in known | self._taken
                    ):
                        self._taken.add(slot.instance)
                        return True
        return False

    def _reserve(self, worker_group: str, failed: list[str]) -> tuple[HostView, Slot]:
        with self._lock:
            slots = [slot for view in self._views.values() for slot in view.slots.values()]
            chosen = choose(worker_group, slots, self._refusal, self._sleeps)
            if isinstance(chosen, str):
                silent = [f"{v.host.name}: {v.error}" for v in self._views.values() if v.error]
                raise LaunchFault("; ".join(dict.fromkeys([*failed, chosen, *silent])))
            if too_many := self._rate.take(self._clock()):
                raise LaunchFault("; ".join([*failed, too_many]))
            self._reserved.add(chosen.place)
            return self._views[chosen.host], chosen

    def _refusal(self, slot: Slot) -> str | None:
        if slot.place in self._reserved:
            return "is being started"
        if slot.held:
            return "is held back by an operator"
        view = self._views[slot.host]
        if view.error and not view.may_sleep:
            return f"cannot be reached: {view.error}"
        now = self._clock()
        fault = self._quarantine.fault(slot.place, now)
        return f"is set aside for {fault.until - now:.0f} s: {fault.reason}" if fault else None

    def _sleeps(self, slot: Slot) -> bool:
        return self._views[slot.host].may_sleep

    def _start(self, view: HostView, slot: Slot) -> Slot:
        def start() -> Slot:
            return view.link.start(slot.name)

        if not view.may_sleep:
            return start()
        try:
            return self._power.wake(view.host, start)
        except HostFault as fault:
            # Its other slots would only wait as long again.
            with self._lock:
                for other in view.slots.values():
                    if other.place != slot.place:
                        self._quarantine.add(other.place, str(fault), self._clock())
            raise

    def _is_busy(self, view: HostView) -> bool:
        return any(
            slot.state is not SlotState.STOPPED or slot.place in self._reserved
            for slot in view.slots.values()
        )

    def _put_to_sleep(self, view: HostView) -> None:
        try:
            view.link.rest()
            self._power.put_to_sleep(view.host)
        except SlotFault as fault:
            logger.info("%s is not put to sleep: %s", view.host.name, fault)
            return
        except HostFault as fault:
            text = f"{view.host.name} is not put to sleep: {fault}"
            self._tell(Event(Kind.FAULT, text, host=view.host.name))
            return
        view.link.close()
        with self._lock:
            view.fail("it was put to sleep", self._clock())

    def _ended(self, slot: Slot, now: float) -> None:
        """systemd has started the slot's process again; one that cannot stay up is given up."""
        if self._quarantine.ended(slot.place, now):
            reason = f"its process ended {ENDS} times within {WITHIN_S:.0f} s"
            self._fault(slot, reason)
            self._given_up[slot.instance] = reason
            self._to_stop[slot.instance] = 0.0

    def _fault(self, slot: Slot, reason: str) -> None:
        fault = self._quarantine.add(slot.place, reason, self._clock())
        text = f"{slot.place} is set aside for {fault.until - fault.at:.0f} s: {reason}"
        self._tell(Event(Kind.FAULT, text, slot.worker_group, slot.name, slot.host))

    def _fail(self, view: HostView, error: str) -> None:
        had = view.error
        view.fail(error, self._clock())
        self._tell_silence(view, had)

    def _tell_silence(self, view: HostView, had: str) -> None:
        """Tell once when a host falls silent, and once when it answers again."""
        if view.error and not had:
            asleep = ", which it need not: it may be asleep" if view.may_sleep else ""
            text = f"{view.host.name} does not answer{asleep}: {view.error}"
            self._tell(Event(Kind.SILENT, text, host=view.host.name))
        elif had and not view.error:
            self._tell(Event(Kind.BACK, f"{view.host.name} answers again", host=view.host.name))

    def _stop_now(self, instance: str) -> None:
        """Begin to stop ``instance``, or forget it where its host says that it is gone."""
        for view in self._views.values():
            if view.running(instance) is not None:
                if instance not in self._stopping and not view.error:
                    self._stopping.add(instance)
                    self._stops.submit(self._stop_one, view, instance)
                return
        # A silent host may still run it under a start that we have not seen.
        silent = [view for view in self._views.values() if view.error or not view.answered]
        name, _ = split_instance(instance)
        if not any(name in view.slots or not view.answered for view in silent):
            self._to_stop.pop(instance, None)

    def _stop_one(self, view: HostView, instance: str) -> None:
        try:
            stopped = view.link.stop(instance)
        except (HostFault, SlotFault) as fault:
            logger.warning("%s on %s is not stopped: %s", instance, view.host.name, fault)
            with self._lock:
                self._stopping.discard(instance)
                self._to_stop[instance] = self._clock() + _STOP_AGAIN_S
                if isinstance(fault, HostFault):
                    self._fail(view, str(fault))
            return
        with self._lock:
            self._stopping.discard(instance)
            self._to_stop.pop(instance, None)
            view.changed(stopped)
