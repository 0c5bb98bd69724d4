"""A user in memory, who answers as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from adbray_ctl.core.errors import RefusedError
from adbray_ctl.core.events import RunEvent
from adbray_ctl.core.observed.status import GroupStatus
from adbray_ctl.core.orphans import Orphan
from adbray_ctl.core.plan.consent import Question
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.plan.steps import Step
from adbray_ctl.core.protocols.runs import Report


def _silence(_: str) -> None:
    return


@dataclass
class FakeConsole:
    """Console. Each question takes the next of ``answers``: yes, no, or a name to be typed.

    Without any left it cannot ask. ``asked`` has the questions, ``shown`` and ``notes``
    the lines, ``plans`` and ``statuses`` what was shown of them, ``events`` those of all runs.
    ``before_answer`` is called with each question: there a test lets something happen meanwhile.
    """

    answers: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    plans: list[ChangePlan] = field(default_factory=list)
    statuses: list[GroupStatus] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    events: list[RunEvent] = field(default_factory=list)
    before_answer: Callable[[str], None] = _silence
    silent: bool = False

    @property
    def interactive(self) -> bool:
        return bool(self.answers)

    def show_plan(self, plan: ChangePlan) -> None:
        if not self.silent:
            self.plans.append(plan)

    def show_status(self, status: GroupStatus, *, changed: bool) -> None:
        if not self.silent:
            self.statuses.append(status)

    def show_orphans(self, orphans: Sequence[Orphan]) -> None:
        self.shown += [f"{one.kind} {one.name} on {one.place}" for one in orphans]

    def show(self, line: str) -> None:
        self.shown.append(line)

    def note(self, line: str) -> None:
        self.notes.append(line)

    def confirm(self, question: Question) -> None:
        if self._answer(question.text) != (question.name or "yes"):
            raise RefusedError("not confirmed; nothing was changed")

    def go_on(self, step: Step) -> bool:
        return self.interactive and self._answer(step.title) == "yes"

    @contextmanager
    def progress(self, title: str) -> Iterator[Report]:
        self.titles.append(title)
        yield self.events.append

    def quiet(self) -> FakeConsole:
        """It shares all but what is not shown."""
        return FakeConsole(**(vars(self) | {"silent": True}))

    def _answer(self, text: str) -> str:
        self.asked.append(text)
        if not self.answers:
            raise RefusedError("this needs a yes, and no terminal is there to ask on")
        self.before_answer(text)
        return self.answers.pop(0)
