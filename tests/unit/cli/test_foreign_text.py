"""Whatever a text says, every print function shows it as it is and no terminal obeys it."""

from __future__ import annotations

import csv
import importlib
import inspect
import io
import pkgutil
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count, cycle
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adbray_ctl.cli import render
from adbray_ctl.cli.render import drawing, screen
from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.core.events import RunEvent
from tests.unit.filled import Filler
from tests.unit.hostile import TEXTS

Printer = Callable[[Filler], None]
WIDE = 50_000
WORDS = [f"w{number:04}" for number in range(200)]
VARIANTS = range(4)
# What Rich writes itself on a terminal: styles, and moves of the cursor in a live view.
OWN_CODES = re.compile(r"\r?\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*[AK])")


def printers() -> Iterator[tuple[str, Printer]]:
    """Every public function of cli/render, so that a new one cannot be forgotten."""
    for found in pkgutil.iter_modules(render.__path__, f"{render.__name__}."):
        module = importlib.import_module(found.name)
        for name, one in inspect.getmembers(module):
            if name.startswith("_") or getattr(one, "__module__", "") != module.__name__:
                continue
            if module in {screen, drawing} or not callable(one):
                continue
            yield f"{found.name.rpartition('.')[2]}.{name}", printer(one)


def printer(one: Callable[..., object]) -> Printer:
    """Calls ``one`` with what it takes, and prints what it only draws."""

    def call(filler: Filler) -> None:
        drawn = one(**filler.arguments(one))
        if isinstance(drawn, tuple):
            screen.say(*drawn)

    def follow(filler: Filler) -> None:
        with ProgressView(filler.make(str)) as view:
            for event in get_args(RunEvent):
                view(filler.make(event))

    if one is ProgressView:
        return follow
    assert not inspect.isclass(one), f"teach this test to use {one}"
    return call


PRINTERS = dict(printers())
# A time, and the name of an error.
TEXTUAL = [name for name in PRINTERS if name not in {"tables.when", "errors.print_fault"}]


class Printed:
    """What a printer wrote, on both streams."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._places: dict[tuple[str, int], dict[int, int]] = {}

    def of(self, name: str, texts: Sequence[str], variant: int) -> str:
        """Text number n of what is printed is ``texts[n]``."""
        numbers = count()
        PRINTERS[name](Filler(lambda: texts[next(numbers)], variant))
        out, err = self._capsys.readouterr()
        return cells(out) if PRINTERS[name] is CSV else OWN_CODES.sub("", out + err)

    def places(self, name: str, variant: int) -> dict[int, int]:
        """Which of the texts are shown, and how often: the same as for harmless ones."""
        if (name, variant) not in self._places:
            found = Counter(re.findall(r"w\d{4}", self.of(name, WORDS, variant)))
            here = {number: found[word] for number, word in enumerate(WORDS) if found[word]}
            if PRINTERS[name] is LIVE:
                # How often a picture was drawn is a matter of time.
                here = dict.fromkeys(here, 1)
            self._places[name, variant] = here
        return self._places[name, variant]

    def require_shown(self, name: str, texts: Sequence[str], variant: int) -> int:
        """Put ``texts`` to where they are shown, and look for them. How many fit in."""
        places = self.places(name, variant)
        whole = list(WORDS)
        for place, text in zip(places, texts, strict=False):
            whole[place] = text
        output = self.of(name, whole, variant)
        require_obedient_to_none(output)
        plain = blank(output)
        for place, text in zip(places, texts, strict=False):
            for line in screen.shown(text).split("\n"):
                assert plain.count(blank(line)) >= places[place], (text, output)
        return len(places)


CSV = PRINTERS["usage.write_csv"]
LIVE = PRINTERS["progress.ProgressView"]


def cells(output: str) -> str:
    """CSV as who reads it gets it."""
    return "\n".join(cell for row in csv.reader(io.StringIO(output)) for cell in row)


def blank(text: str) -> str:
    """``text`` with one space for all blanks: columns are padded, tabs expanded."""
    return " ".join(text.split())


def require_obedient_to_none(output: str) -> None:
    """Nothing in ``output`` steers a terminal or hides."""
    hidden = {char for char in output if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl"}}
    hidden |= set("\u034f\u115f\u1160\u2800\u3164\uffa0").intersection(output)
    assert hidden <= set("\n\t\u200c\u200d"), output


@pytest.fixture(params=["piped", "terminal"])
def printed(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Printed:
    """So wide that nothing is folded."""
    monkeypatch.setattr(drawing, "_PIPED_WIDTH", WIDE)
    monkeypatch.setenv("COLUMNS", str(WIDE))
    if request.param == "terminal":
        monkeypatch.setenv("TTY_COMPATIBLE", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
    return Printed(capsys)


def test_the_corpus_is_large() -> None:
    assert len(set(TEXTS)) >= 300


@pytest.mark.parametrize("name", TEXTUAL)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(st.text(st.characters(), min_size=1), min_size=1, max_size=5),
    variant=st.sampled_from(VARIANTS),
)
def test_any_text_is_shown_as_it_is(
    name: str, printed: Printed, texts: list[str], variant: int
) -> None:
    printed.require_shown(name, texts, variant)


@pytest.mark.parametrize("name", [name for name in TEXTUAL if PRINTERS[name] is not LIVE])
@pytest.mark.parametrize("width", [80, 200])
def test_folding_loses_nothing(
    name: str, width: int, printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [text for text in TEXTS if len(text) > 20]
    whole = [texts[number % len(texts)] for number in range(len(WORDS))]
    for variant in VARIANTS:
        wide = printed.of(name, whole, variant)
        with monkeypatch.context() as narrow:
            narrow.setattr(drawing, "_PIPED_WIDTH", width)
            narrow.setenv("COLUMNS", str(width))
            folded = printed.of(name, whole, variant)
        assert Counter("".join(folded.split())) == Counter("".join(wide.split()))


def test_a_text_makes_no_rows_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    table = screen.Table("job", "status")
    table.add("a\nforged  RUNNING", "FAILED")
    screen.say(table)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["job                 status", r"a\nforged  RUNNING  FAILED"]


def test_every_room_of_render_is_looked_into() -> None:
    rooms = {name.partition(".")[0] for name in PRINTERS}
    assert rooms | {"screen", "drawing"} == {
        found.name for found in pkgutil.iter_modules(render.__path__)
    }


@pytest.mark.parametrize("name", TEXTUAL)
def test_each_text_of_the_corpus_is_shown_as_it_is(name: str, printed: Printed) -> None:
    begin = missed = 0
    for variant in cycle(VARIANTS):
        fitted = printed.require_shown(name, TEXTS[begin:], variant)
        begin += fitted
        missed = 0 if fitted else missed + 1
        assert missed < len(VARIANTS), "it shows no text"
        if begin >= len(TEXTS):
            break
