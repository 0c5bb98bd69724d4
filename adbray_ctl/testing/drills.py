"""Faults that are made on no host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from adbray_ctl.core.drill import Call
from adbray_ctl.core.slot.record import SlotRecord
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.testing.journal import Journal


@dataclass
class FakeDrills:
    """Drills. A driver that watches sees ``calls``."""

    journal: Journal = field(default_factory=Journal)
    calls: tuple[Call, ...] = ()

    def break_process(
        self, fleet: Fleet, host: str, unit: str, process: str, *, hang: bool
    ) -> None:
        with self.journal.deed(f"{'hang' if hang else 'kill'} {unit} {process}".strip()):
            pass

    def cut(self, fleet: Fleet, host: str, others: Sequence[str], seconds: int) -> None:
        with self.journal.deed(f"cut {host} from {' '.join(others)}"):
            pass

    @contextmanager
    def watch(
        self, fleet: Fleet, host: str, worker: SlotRecord, gcs: str
    ) -> Iterator[Callable[[], tuple[Call, ...]]]:
        yield lambda: self.calls
