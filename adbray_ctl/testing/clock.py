"""A clock that moves when somebody waits, and commands that wake hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from adbray_ctl.core.errors import HostError
from adbray_ctl.testing.journal import Journal


@dataclass
class FakeClock:
    """Clock. Both of its clocks show ``at``; ``patience_s`` is what a test waits in all."""

    at: float = 0.0
    patience_s: float = 86_400.0

    def now(self) -> float:
        return self.at

    def time(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.patience_s -= seconds
        if self.patience_s < 0:
            raise AssertionError("waits longer than the test allows")
        self.at += seconds


@dataclass
class FakePower:
    """PowerDriver. The commands of hosts in ``broken`` fail."""

    journal: Journal = field(default_factory=Journal)
    broken: frozenset[str] = frozenset()

    def run(self, host: str, words: Sequence[str]) -> None:
        with self.journal.deed(f"power {host}: {' '.join(words)}"):
            if host in self.broken:
                raise HostError(f"its power driver {words[0]} ended with 1: ", where=host)
