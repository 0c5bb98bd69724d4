"""Rich draws what the screen shows: styles, tables, and pictures that change in place.

Imported when something is drawn: a command line whose output is plain text does without.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TextIO

from rich import console, live, table, text

from adbray_ctl.cli.render.screen import Table, Text, shown

# Piped output is for grep and files, and has no terminal whose width could count.
_PIPED_WIDTH = 200


class _Console(console.Console):
    def on_broken_pipe(self) -> None:
        # Rich would end the process with 1. Called where the error is being handled.
        raise  # noqa: PLE0704


@lru_cache(maxsize=2)
def console_on(stream: TextIO) -> console.Console:
    """The console that draws on ``stream``."""
    made = _Console(file=stream, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = _PIPED_WIDTH
    return made


def draw(thing: Text | Table, stream: TextIO) -> None:
    """Draw one thing; a table is cut to a terminal's width, text is not."""
    console_on(stream).print(_drawn(thing), soft_wrap=isinstance(thing, Text))


def picture(look: Callable[[], Table] | None, stream: TextIO) -> live.Live:
    """A picture on ``stream``: what ``look`` returns, four times a second, or what it is given."""
    return live.Live(
        get_renderable=(lambda: _drawn(look())) if look else None,
        console=console_on(stream),
        auto_refresh=look is not None,
        refresh_per_second=4,
    )


def together(*things: Text | Table) -> console.Group:
    """All of ``things`` as one picture."""
    return console.Group(*(_drawn(thing) for thing in things))


def _drawn(thing: Text | Table) -> text.Text | table.Table:
    return _text(thing) if isinstance(thing, Text) else _table(thing)


def _text(thing: Text) -> text.Text:
    return text.Text.assemble(*thing.parts)


def _table(thing: Table) -> table.Table:
    made = table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in thing.columns:
        made.add_column(_cell(column), overflow="fold")
    for cells, style in thing.rows:
        made.add_row(*(_cell(cell) for cell in cells), style=style)
    return made


def _cell(thing: str | Text) -> text.Text:
    # Line ends would make rows that look like others.
    made = text.Text(shown(thing.replace("\n", r"\n"))) if isinstance(thing, str) else _text(thing)
    # Rich measures a tab as nothing.
    made.expand_tabs(8)
    return made
