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
from functools import lru_cache
from types import TracebackType
from typing import Any, Self, TextIO

import click
from pydantic import BaseModel
from rich import console, live, table, text

# Characters that steer a terminal or cannot be seen: C0 and C1, bidirectional overrides and other
# formats, lone halves of pairs, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Letters and marks that are drawn as nothing or as a blank.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Lines and columns, and the two joiners that Persian and emoji are written with.
_KEPT = frozenset("\n\t\u200c\u200d")
# Piped output is for grep and files, and has no terminal whose width could count.
_PIPED_WIDTH = 200


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
    """Text in styles."""

    def __init__(self, plain: str = "", style: str = "") -> None:
        self._rich = text.Text()
        self.append(plain, style)

    @property
    def plain(self) -> str:
        """Without styles."""
        return self._rich.plain

    def append(self, more: str | Text, style: str = "") -> Self:
        """Add ``more`` in its own style."""
        self._rich.append(_text(more, style))
        return self

    def __rich__(self) -> text.Text:
        return self._rich


class Table:
    """A table without lines, the same everywhere. What does not fit into a column is folded.

    A line end in a cell is written as Python writes it, so that each record has a row of its own.
    """

    def __init__(self, *columns: str) -> None:
        self._rich = table.Table(
            box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold"
        )
        for column in columns:
            self._rich.add_column(_cell(column), overflow="fold")

    def add(self, *cells: str | Text, style: str = "") -> None:
        """Add a row."""
        self._rich.add_row(*(_cell(cell) for cell in cells), style=style)

    def __len__(self) -> int:
        return self._rich.row_count

    def __rich__(self) -> table.Table:
        return self._rich


class LiveView:
    """A picture on a terminal that changes in place. Outside a terminal there is none."""

    def __init__(self, draw: Callable[[], Table] | None = None, *, err: bool = False) -> None:
        self._console = _console(err=err)
        self._live = live.Live(
            get_renderable=draw,
            console=self._console,
            auto_refresh=draw is not None,
            refresh_per_second=4,
        )

    @property
    def possible(self) -> bool:
        """Whether there is a terminal."""
        return self._console.is_terminal

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, *things: Table | Text) -> None:
        """Replace the picture."""
        self._live.update(console.Group(*things), refresh=True)

    def say(self, line: str) -> None:
        """Print a line above the picture."""
        self._console.print(_text(line), soft_wrap=True)


def say(*things: str | Text | Table, err: bool = False) -> None:
    """Print each thing on its own line; a table is cut to a terminal's width, text is not."""
    screen = _console(err=err)
    for thing in things:
        if isinstance(thing, Table):
            screen.print(thing)
        elif screen.is_terminal:
            screen.print(_text(thing), soft_wrap=True)
        else:
            # Much faster, which a long log needs.
            line = shown(thing) if isinstance(thing, str) else thing.plain
            _write(f"{line}\n", err=err)


def print_json(value: BaseModel | Sequence[BaseModel] | dict[str, Any]) -> None:
    """One JSON text on standard output, for scripts."""
    _write(f"{_ascii_json(_plain(value), indent=2)}\n")


def print_json_line(value: BaseModel | dict[str, Any]) -> None:
    """As ``print_json``, in one line."""
    _write(f"{_ascii_json(_plain(value), indent=None)}\n")


def pass_on(output: str, *, err: bool = False) -> None:
    """What a job wrote, as the job wrote it: its colours and progress bars are for a terminal."""
    _write(output, err=err)


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
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Console(console.Console):
    def on_broken_pipe(self) -> None:
        # Rich would end the process with 1. Called where the error is being handled.
        raise  # noqa: PLE0704


def _console(*, err: bool) -> console.Console:
    return _console_on(sys.stderr if err else sys.stdout)


@lru_cache(maxsize=2)
def _console_on(stream: TextIO) -> console.Console:
    made = _Console(file=stream, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = _PIPED_WIDTH
    return made


def _text(thing: str | Text, style: str = "") -> text.Text:
    return text.Text(shown(thing), style) if isinstance(thing, str) else thing.__rich__()


def _cell(thing: str | Text) -> text.Text:
    # Line ends would make rows that look like others.
    made = _text(thing.replace("\n", r"\n") if isinstance(thing, str) else thing).copy()
    # Rich measures a tab as nothing.
    made.expand_tabs(8)
    return made


def _write(output: str, *, err: bool = False) -> None:
    stream = sys.stderr if err else sys.stdout
    stream.write(output)
    stream.flush()


def _plain(value: BaseModel | Sequence[BaseModel] | dict[str, Any]) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value if isinstance(value, dict) else [one.model_dump(mode="json") for one in value]


def _ascii_json(value: Any, *, indent: int | None) -> str:
    # DEL is the one control character that JSON may hold unescaped.
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")
