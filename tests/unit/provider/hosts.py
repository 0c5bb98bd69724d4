"""Hosts with slots, as the provider's links meet them: they start, stop, fail and fall silent."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from adbray_ctl.provider.fleet import SlotFleet
from adbray_ctl.provider.journal import Event, Kind
from adbray_ctl.provider.model import HostAddress, HostFault, Power, Slot, SlotFault, SlotState


@dataclass
class FakeHost:
    """A Link. ``silent``, ``rests`` and ``broken`` (by slot) say what it fails with.

    While its ``gate`` is closed, starts and stops of its slots wait.
    """

    name: str
    slots: dict[str, Slot]
    silent: str = ""
    rests: str = ""
    broken: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    starts: itertools.count[int] = field(default_factory=itertools.count)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def list(self) -> tuple[Slot, ...]:
        self._require_answer()
        return tuple(self.slots.values())

    def start(self, slot: str, *, least: bool = False) -> Slot:
        self.gate.wait(60)
        self._require_answer()
        if slot in self.broken:
            raise SlotFault(self.broken[slot])
        if self.slots[slot].state is not SlotState.RUNNING:
            self.restart(slot)
            self.log.append(f"start {slot} least" if least else f"start {slot}")
        return self.slots[slot]

    def stop(self, instance: str) -> Slot:
        self.gate.wait(60)
        self._require_answer()
        slot = self.slots[instance.partition(".")[0]]
        if slot.instance == instance:
            slot = replace(slot, state=SlotState.STOPPED, start="")
            self.slots[slot.name] = slot
            self.log.append(f"stop {slot.name}")
        return slot

    def rest(self) -> None:
        self._require_answer()
        if self.rests:
            self.log.append("does not rest")
            raise SlotFault(self.rests)

    def close(self) -> None:
        self.log.append("close")

    def wait(self, slot: str, text: str) -> None:
        """What its start waits for, or that it does not: the host gives turns."""
        self.slots[slot] = replace(self.slots[slot], waits=text)

    def restart(self, slot: str) -> None:
        """A new start, by whomever."""
        start = f"{next(self.starts):032x}"
        self.slots[slot] = replace(self.slots[slot], state=SlotState.RUNNING, start=start)

    def _require_answer(self) -> None:
        if self.silent:
            raise HostFault(self.silent)


class FakeHosts:
    """Hosts by name, each with the slots named; a fleet that speaks to them; its clock."""

    def __init__(self, slots: dict[str, Iterable[str]]) -> None:
        self.now = 1000.0
        self._clock = threading.Lock()
        self.meanwhile: Callable[[], object] = lambda: None
        self.hosts = {name: FakeHost(name, _stopped(name, names)) for name, names in slots.items()}
        self.events: list[Event] = []
        self.power: dict[str, Power] = {}
        self.done: list[tuple[str, ...]] = []
        self.broken_driver = ""
        self.fleet = SlotFleet(
            self.connect,
            clock=lambda: self.now,
            sleep=self.sleep,
            report=self.events.append,
            run=self.run,
        )
        self.fleet.set_hosts(self.addresses)

    def connect(self, host: HostAddress) -> FakeHost:
        return self.hosts[host.name]

    def run(self, words: Sequence[str]) -> None:
        """A power driver's command."""
        if self.broken_driver:
            raise HostFault(self.broken_driver)
        self.done.append(tuple(words))

    def texts(self, kind: Kind) -> list[str]:
        """The texts of the events of one kind so far."""
        return [event.text for event in self.events if event.kind is kind]

    def launch(self, worker_group: str, count: int) -> None:
        self.fleet.launch(worker_group, count, started=lambda _: None)

    @property
    def addresses(self) -> list[HostAddress]:
        return [
            HostAddress(name, f"10.0.0.{n}", 22, self.power.get(name), self._slots_of_sleeper(name))
            for n, name in enumerate(self.hosts, start=1)
        ]

    def _slots_of_sleeper(self, name: str) -> tuple[tuple[str, str], ...]:
        slots = self.hosts[name].slots.values() if name in self.power else ()
        return tuple((slot.name, slot.worker_group) for slot in slots)

    def sleep(self, seconds: float) -> None:
        """Nobody waits: time goes by, and what is ``meanwhile`` to happen does."""
        with self._clock:
            self.now += seconds
        self.meanwhile()

    def __getitem__(self, name: str) -> FakeHost:
        return self.hosts[name]

    def running(self) -> list[str]:
        """The names of the slots that the fleet says run, sorted."""
        return sorted(slot.name for slot in self.fleet.refresh())


def until(what: Callable[[], object], seconds: float = 60) -> None:
    """Wait for what another thread does. Fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


def _stopped(host: str, names: Iterable[str]) -> dict[str, Slot]:
    return {n: Slot(host, n, n.rpartition("-")[0], SlotState.STOPPED) for n in names}
