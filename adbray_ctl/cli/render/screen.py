"""The screen: the one place that writes to standard output and standard error.

Text comes from users, hosts and Ray. None of it is markup, and none of it commands a terminal.
"""

from __future__ import annotations

import json
import os
import select
import sys
import unicodedata
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO

import click

if TYPE_CHECKING:
    from rich.live import Live

# Characters that steer a terminal or cannot be seen: C0 and C1, bidirectional overrides and other
# formats, lone halves of pairs, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Letters and marks that are drawn as nothing or as a blank.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Lines and columns, and the two joiners that Persian and emoji are written with.
_KEPT = frozenset("\n\t\u200c\u200d")


class Model(Protocol):
    """What prints as JSON; all of pydantic's models do, which few command lines need."""

    def model_dump(self, *, mode: str) -> dict[str, Any]: ...


def shown(foreign: str) -> str:
    r"""``foreign`` as it is, with hidden characters written as Python writes them (``\x1b``)."""
    if foreign.isprintable() and _BLANK.isdisjoint(foreign):
        return foreign
    return "".join(_visible(char) for char in foreign)


def _visible(char: str) -> str:
    if char in _KEPT or not (char in _BLANK or unicodedata.category(char) in _HIDDEN):
        return char
    return char.encode("unicode_escape").decode()


class Text:
    """Text in styles: ``parts`` are pairs of what is shown and its style."""

    def __init__(self, plain: str = "", style: str = "") -> None:
        self.parts: list[tuple[str, str]] = []
        self.append(plain, style)

    @property
    def plain(self) -> str:
        """Without styles."""
        return "".join(part for part, _ in self.parts)

    def append(self, more: str | Text, style: str = "") -> Self:
        """Add ``more`` in its own style."""
        self.parts += [(shown(more), style)] if isinstance(more, str) else more.parts
        return self


class Table:
    """A table without lines, the same everywhere. What does not fit into a column is folded.

    A line end in a cell is written as Python writes it, so that each record has a row of its own.
    """

    def __init__(self, *columns: str) -> None:
        self.columns = columns
        self.rows: list[tuple[Sequence[str | Text], str]] = []

    def add(self, *cells: str | Text, style: str = "") -> None:
        """Add a row."""
        self.rows.append((cells, style))

    def __len__(self) -> int:
        return len(self.rows)


class LiveView:
    """A picture on a terminal that changes in place. Outside a terminal there is none."""

    def __init__(self, draw: Callable[[], Table] | None = None, *, err: bool = False) -> None:
        self._draw = draw
        self._stream = _stream(err=err)
        self._live: Live | None = None

    @property
    def possible(self) -> bool:
        """Whether there is a terminal."""
        return _is_terminal(self._stream)

    def __enter__(self) -> Self:
        from adbray_ctl.cli.render import drawing

        self._live = drawing.picture(self._draw, self._stream)
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    def show(self, *things: Table | Text) -> None:
        """Replace the picture."""
        from adbray_ctl.cli.render import drawing

        assert self._live is not None
        self._live.update(drawing.together(*things), refresh=True)

    def say(self, line: str) -> None:
        """Print a line above the picture."""
        if self._live is not None:
            _draw(Text(line), self._stream)
        else:
            _write(f"{shown(line)}\n", self._stream)


def say(*things: str | Text | Table, err: bool = False) -> None:
    """Print each thing on its own line; a table is cut to a terminal's width, text is not."""
    stream = _stream(err=err)
    for thing in things:
        if isinstance(thing, str):
            _write(f"{shown(thing)}\n", stream)
        elif isinstance(thing, Table) or _is_terminal(stream):
            _draw(thing, stream)
        else:
            # Much faster, which a long log needs.
            _write(f"{thing.plain}\n", stream)


def print_json(value: Model | Sequence[Model] | dict[str, Any]) -> None:
    """One JSON text on standard output, for scripts."""
    _write(f"{_ascii_json(_plain(value), indent=2)}\n", sys.stdout)


def print_json_line(value: Model | dict[str, Any]) -> None:
    """As ``print_json``, in one line."""
    _write(f"{_ascii_json(_plain(value), indent=None)}\n", sys.stdout)


def pass_on(output: str, *, err: bool = False) -> None:
    """What a job wrote, as the job wrote it: its colours and progress bars are for a terminal."""
    _write(output, _stream(err=err))


def ask_yes(question: str) -> bool:
    """Ask yes or no on the terminal."""
    return click.confirm(shown(question))


def ask_text(question: str) -> str:
    """Ask for a line on the terminal."""
    answer: str = click.prompt(shown(question))
    return answer


def clear() -> None:
    """Empty the terminal."""
    click.clear()


def reader_gone() -> bool:
    """Whether standard output is a pipe that is read no more (``adbray ... | head``)."""
    pipe = select.poll()
    pipe.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in pipe.poll(0))


def finish() -> None:
    """Write what is left. What cannot be written was reported, and Python shall not try again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_terminal(stream: TextIO) -> bool:
    """Rich decides, but what is not a terminal is never taken for one."""
    if not (stream.isatty() or os.environ.keys() & {"FORCE_COLOR", "TTY_COMPATIBLE"}):
        return False
    from adbray_ctl.cli.render import drawing

    return drawing.console_on(stream).is_terminal


def _draw(thing: Text | Table, stream: TextIO) -> None:
    from adbray_ctl.cli.render import drawing

    drawing.draw(thing, stream)


def _stream(*, err: bool) -> TextIO:
    return sys.stderr if err else sys.stdout


def _write(output: str, stream: TextIO) -> None:
    stream.write(output)
    stream.flush()


def _plain(value: Model | Sequence[Model] | dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return value
    if isinstance(value, Sequence):
        return [one.model_dump(mode="json") for one in value]
    return value.model_dump(mode="json")


def _ascii_json(value: Any, *, indent: int | None) -> str:
    # DEL is the one control character that JSON may hold unescaped.
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")
