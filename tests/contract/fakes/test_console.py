"""A user in memory and one at a terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

from adbray_ctl.cli.console import Terminal
from adbray_ctl.core.errors import RefusedError
from adbray_ctl.core.events import Note
from adbray_ctl.core.plan.consent import Question
from adbray_ctl.core.plan.steps import Step
from adbray_ctl.core.protocols.console import Console
from adbray_ctl.testing.console import FakeConsole

STEP = Step(title="restart w-0", members=(("w-0", "b"),), hosts=("b",), canary=True)
PLAIN, NAMED = Question(text="Go on?"), Question(text="All is lost.", name="demo")
# Makes a console whose user types this, or that has no terminal.
Typing = Callable[[str | None], Console]


class Typed(io.StringIO):
    """A terminal on which this is typed."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(params=["fake", "real"])
def typing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Typing:
    def fake(typed: str | None) -> Console:
        return FakeConsole([] if typed is None else [typed])

    def real(typed: str | None) -> Console:
        stdin = io.StringIO() if typed is None else Typed(f"{typed}\n")
        monkeypatch.setattr(sys, "stdin", stdin)
        return Terminal()

    return fake if request.param == "fake" else real


@pytest.mark.parametrize(("question", "answer"), [(PLAIN, "yes"), (NAMED, "demo")])
def test_what_is_agreed_to_returns(typing: Typing, question: Question, answer: str) -> None:
    console = typing(answer)
    assert console.interactive
    console.confirm(question)


@pytest.mark.parametrize(("question", "answer"), [(PLAIN, "no"), (NAMED, "yes")])
def test_what_is_not_agreed_to_raises(typing: Typing, question: Question, answer: str) -> None:
    with pytest.raises(RefusedError, match="not confirmed; nothing was changed"):
        typing(answer).confirm(question)


@pytest.mark.parametrize("question", [PLAIN, NAMED])
def test_without_a_terminal_nothing_is_agreed_to(typing: Typing, question: Question) -> None:
    console = typing(None)
    assert not console.interactive
    with pytest.raises(RefusedError, match="no terminal is there to ask on"):
        console.confirm(question)
    assert not console.go_on(STEP)


@pytest.mark.parametrize(("typed", "goes_on"), [("yes", True), ("no", False)])
def test_after_a_canary_it_goes_on_with_a_yes_alone(
    typing: Typing, typed: str, *, goes_on: bool
) -> None:
    assert typing(typed).go_on(STEP) is goes_on


def test_a_run_is_followed_and_its_errors_pass(typing: Typing) -> None:
    console = typing(None)

    def run() -> None:
        with console.progress("apply demo") as report:
            report(Note(text="waiting"))
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        run()
    console.quiet().show("a line is no plan")
