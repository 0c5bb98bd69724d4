"""The terminal as a change sees it: plans and results shown, questions asked, progress followed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from adbray_ctl.cli.confirm import ask, confirm, confirm_name, is_interactive
from adbray_ctl.cli.render.orphans import print_orphans
from adbray_ctl.cli.render.plan import print_plan
from adbray_ctl.cli.render.progress import ProgressView
from adbray_ctl.cli.render.screen import say
from adbray_ctl.cli.render.tables import print_status
from adbray_ctl.core.observed.status import GroupStatus
from adbray_ctl.core.orphans import Orphan
from adbray_ctl.core.plan.consent import Question
from adbray_ctl.core.plan.plan import ChangePlan
from adbray_ctl.core.plan.steps import Step
from adbray_ctl.core.protocols.runs import Report


@dataclass
class Terminal:
    """Console. A ``silent`` one shows neither plan nor status; ``last`` is the run it showed."""

    silent: bool = False
    last: ProgressView | None = None

    @property
    def interactive(self) -> bool:
        return is_interactive()

    def show_plan(self, plan: ChangePlan) -> None:
        if not self.silent:
            print_plan(plan)

    def show_status(self, status: GroupStatus, *, changed: bool) -> None:
        if self.silent:
            return
        if changed and self.last is not None:
            count = len(self.last.progress.changed)
            say(f"done in {self.last.elapsed_s:.1f} s, {count} tasks changed something")
        elif not changed:
            say("nothing to change")
        print_status(status)

    def show_orphans(self, orphans: Sequence[Orphan]) -> None:
        print_orphans(orphans)

    def show(self, line: str) -> None:
        say(line)

    def note(self, line: str) -> None:
        say(line, err=True)

    def confirm(self, question: Question) -> None:
        if question.name:
            confirm_name(question.text, question.name)
        else:
            confirm(question.text)

    def go_on(self, step: Step) -> bool:
        return ask(f"{step.title}: done. Go on with the rest?")

    @contextmanager
    def progress(self, title: str) -> Iterator[Report]:
        with ProgressView(title) as view:
            self.last = view
            yield view

    def quiet(self) -> Terminal:
        return Terminal(silent=True)
