"""Drills over SSH: faults on the hosts, and the driver that watches them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from adbray_ctl.adapters.ssh.ask import Commands
from adbray_ctl.core.drill import Call, Kind
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.slot.record import SlotRecord
from adbray_ctl.core.spec.fleet import Fleet

# How often the driver calls, and after how long it gives a call up and makes another one.
_EVERY_S, _WITHIN_S = 0.1, 30.0


class SshDrills:
    """Drills."""

    def __init__(self, hosts: Commands) -> None:
        self._hosts = hosts

    def break_process(
        self, fleet: Fleet, host: str, unit: str, process: str, *, hang: bool
    ) -> None:
        verb = "hang" if hang else "kill"
        self._hosts.reply(fleet, host, "break", verb, unit, process)

    def cut(self, fleet: Fleet, host: str, others: Sequence[str], seconds: int) -> None:
        self._hosts.reply(fleet, host, "break", "cut", str(seconds), *others)

    @contextmanager
    def watch(
        self, fleet: Fleet, host: str, worker: SlotRecord, gcs: str
    ) -> Iterator[Callable[[], tuple[Call, ...]]]:
        calls: list[Call] = []
        failed: list[HostError] = []
        arguments = (worker.unit, worker.venv, gcs, str(_EVERY_S), str(_WITHIN_S))
        with self._hosts.lines_of(fleet, host, "drill-watch", *arguments) as lines:

            def listen() -> None:
                try:
                    calls.extend(_call(line) for line in lines if line.startswith("{"))
                except (HostError, ValueError, KeyError) as error:
                    failed.append(HostError(f"the watching driver ended: {error}", where=host))

            threading.Thread(target=listen, daemon=True).start()

            def calls_so_far() -> tuple[Call, ...]:
                if failed:
                    raise failed[0]
                return tuple(calls)

            yield calls_so_far


def _call(line: str) -> Call:
    """A line of the driver's; it ended when it came here, so that no two clocks are compared."""
    # What Ray complains of may follow on the same line.
    (call, _), now = json.JSONDecoder().raw_decode(line), time.monotonic()
    return Call(
        kind=Kind(call["kind"]),
        began=now - call["took"],
        ended=now,
        value=call["value"],
        error=call["error"],
    )
