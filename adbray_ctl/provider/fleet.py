"""The hosts as the autoscaler's memory: what runs where is asked, started and stopped there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from adbray_ctl.provider.journal import Event
from adbray_ctl.provider.launches import Launches, Starter
from adbray_ctl.provider.model import HostAddress, Slot
from adbray_ctl.provider.power import PowerSwitch, run_command
from adbray_ctl.provider.quarantine import Quarantine
from adbray_ctl.provider.reservations import Reservations
from adbray_ctl.provider.sleeps import Sleeps
from adbray_ctl.provider.stops import Stops
from adbray_ctl.provider.view import Link
from adbray_ctl.provider.views import HostViews


class SlotFleet:
    """All hosts of the group, for Ray's threads: any of them may call any method at any time.

    What takes time at a host is left to our threads, with a pool for each kind of work:

    - ``HostViews`` ask a host what runs there; ``refresh`` waits for them.
    - ``Launches`` start a worker; ``launch`` waits for them.
    - ``Stops`` stop a worker, and ``Sleeps`` put a host to sleep; nothing waits for them.

    Each class has one lock or none. They are taken in one order: that of ``Reservations`` or
    ``Stops``, then ``HostViews``, then ``Quarantine``. None is held while a host is contacted, but
    for the one of ``PowerSwitch`` on a host that is woken.
    """

    def __init__(
        self,
        connect: Callable[[HostAddress], Link],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        report: Callable[[Event], None],
        run: Callable[[Sequence[str]], None] = run_command,
    ) -> None:
        power = PowerSwitch(run, clock, sleep, report)
        self._quarantine = Quarantine(clock, report)
        self._views = HostViews(connect, self._quarantine, clock, report)
        self._reservations = Reservations(self._views, self._quarantine, clock)
        starter = Starter(
            self._views,
            self._quarantine,
            self._reservations,
            power,
            clock=clock,
            sleep=sleep,
            report=report,
        )
        self._launches = Launches(starter, self._reservations, clock)
        self._stops = Stops(self._views, clock)
        self._sleeps = Sleeps(self._views, power, report)

    def set_rate(self, most_a_minute: int | None) -> None:
        """Start no more slots a minute than that; None for no limit."""
        self._reservations.set_rate(most_a_minute)

    def set_hosts(self, hosts: Iterable[HostAddress]) -> None:
        """The hosts to ask from now on."""
        self._views.set_hosts(hosts)

    def refresh(self) -> tuple[Slot, ...]:
        """Ask all hosts at once; gives what runs, ends, or was last seen to do so."""
        self._views.ask()
        for instance, reason in self._views.collect().items():
            self._stops.give_up(instance, reason)
        for view in self._views.tired(self._reservations.starting()):
            self._sleeps.put_to_sleep(view)
        self._stops.go_on()
        return self._reservations.show()

    def launch(
        self, worker_group: str, count: int, started: Callable[[Slot], None], least: int = 0
    ) -> None:
        """Start ``count`` workers and wait for them; ``started`` gets each. Raises LaunchFault.

        ``least`` is how many of the group are always to run.
        """
        self._launches.launch(worker_group, count, started, least)

    def stop(self, instance: str) -> None:
        """Stop ``instance``, now or when its host can be reached again; returns at once."""
        self._stops.stop(instance)

    def give_up(self, slot: Slot, reason: str) -> None:
        """Stop what runs in ``slot``, and do not start it for a while."""
        self._quarantine.add(slot, reason)
        self._stops.give_up(slot.instance, reason)

    def given_up(self) -> dict[str, str]:
        """What is stopped though Ray did not ask for it, and why; each is shown once."""
        return self._stops.given_up()

    def why_no_slot(self, worker_group: str) -> str | None:
        """Why the worker group has no slot to start; None where it has, or one is starting."""
        return self._reservations.why_no_slot(worker_group)

    def troubles(self) -> dict[str, list[dict[str, Any]]]:
        """The hosts that do not answer and the slots that are set aside, each with its reason."""
        set_aside = self._quarantine.shown(self._views.slots())
        return {**self._views.troubles(), "set_aside": set_aside}
