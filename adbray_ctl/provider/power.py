"""Wakes a host by its power driver, and puts it to sleep: commands that run here, on the head."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence

from adbray_ctl.provider.journal import Event, Kind
from adbray_ctl.provider.model import HostAddress, HostFault, Slot

# A management controller answers within seconds, or does not.
COMMAND_S = 60.0
_LOOK_AGAIN_S = 2.0


def run_command(words: Sequence[str]) -> None:
    """Run a driver's command, without a shell. Raises HostFault with what it said."""
    try:
        done = subprocess.run(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostFault(f"its power driver {words[0]} failed: {error}") from error
    if done.returncode != 0:
        output = " / ".join(done.stdout.decode(errors="replace").split("\n"))[-300:]
        raise HostFault(f"its power driver {words[0]} ended with {done.returncode}: {output}")


class PowerSwitch:
    """Hosts that are woken, each once, however many workers are wanted there.

    Our threads, ``adbray-launch``, call: ``wake``, which waits until the host answers.
    Our threads, ``adbray-sleep``, call: ``put_to_sleep``.
    Lock: one for each host while it is woken, and one around their table; with the former held, no
    other of the fleet is taken.
    """

    def __init__(
        self,
        run: Callable[[Sequence[str]], None],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        report: Callable[[Event], None],
    ) -> None:
        self._run = run
        self._clock = clock
        self._sleep = sleep
        self._report = report
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def wake(self, host: HostAddress, start: Callable[[], Slot]) -> Slot:
        """``start`` a slot on a host that is silent, waking it first if it still is.

        Raises HostFault when it does not answer in time, and SlotFault as ``start`` does.
        """
        power = host.power
        assert power is not None
        with self._lock:
            lock = self._locks.setdefault(host.name, threading.Lock())
        with lock:
            try:
                return start()
            except HostFault:
                self._run(power.wake)
            self._report(Event(Kind.WAKE, f"{host.name} is woken", host=host.name))
            until = self._clock() + power.timeout_s
            while True:
                try:
                    return start()
                except HostFault as fault:
                    if self._clock() >= until:
                        late = f"was woken, and does not answer within {power.timeout_s:g} s"
                        raise HostFault(f"{late}: {fault}") from fault
                self._sleep(_LOOK_AGAIN_S)

    def put_to_sleep(self, host: HostAddress) -> None:
        """Raises HostFault when its command fails."""
        assert host.power is not None
        self._run(host.power.sleep)
        idle = f"{host.name} is put to sleep: nothing ran there for {host.power.idle_s:g} s"
        self._report(Event(Kind.SLEEP, idle, host=host.name))
