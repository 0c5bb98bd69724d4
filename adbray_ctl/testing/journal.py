"""What fakes were asked to do, in order: one line for each deed on the outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from adbray_ctl.core.errors import AdbrayError


def _nothing(_: str) -> None:
    return


@dataclass
class Journal:
    """Lines such as `run site ray_worker on a for w-0`, of all fakes that share it.

    A deed whose line is in ``failures`` raises instead; ``after`` is called behind each other one.
    """

    lines: list[str] = field(default_factory=list)
    failures: dict[str, AdbrayError] = field(default_factory=dict)
    after: Callable[[str], None] = _nothing

    @contextmanager
    def deed(self, line: str) -> Iterator[None]:
        """The block does what ``line`` says."""
        self.lines.append(line)
        if line in self.failures:
            raise self.failures[line]
        yield
        self.after(line)

    def of(self, *verbs: str) -> list[str]:
        """The lines that begin with one of ``verbs``."""
        return [line for line in self.lines if line.partition(" ")[0] in verbs]
