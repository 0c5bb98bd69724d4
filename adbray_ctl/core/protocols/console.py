"""Who asked for a change, as the services see them: shown, asked, kept informed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from adbray_ctl.core.observed.status import GroupStatus
    from adbray_ctl.core.orphans import Orphan
    from adbray_ctl.core.plan.consent import Question
    from adbray_ctl.core.plan.plan import ChangePlan
    from adbray_ctl.core.plan.steps import Step
    from adbray_ctl.core.protocols.runs import Report


class Console(Protocol):
    """The user's side of one command."""

    @property
    def interactive(self) -> bool:
        """Whether there is a terminal to ask on."""

    def show_plan(self, plan: ChangePlan) -> None:
        """Before anything is asked or done."""

    def show_status(self, status: GroupStatus, *, changed: bool) -> None:
        """How a group is at the end, ``changed`` or left alone."""

    def show_orphans(self, orphans: Sequence[Orphan]) -> None:
        """What is going to be removed."""

    def show(self, line: str) -> None:
        """Print a result, or what the next question is about."""

    def note(self, line: str) -> None:
        """Print what is good to know, beside the result."""

    def confirm(self, question: Question) -> None:
        """Ask. Raises RefusedError on a no, and where no terminal is there to ask on."""

    def go_on(self, step: Step) -> bool:
        """Ask whether to go on after a canary's ``step``; no where there is no terminal."""

    def progress(self, title: str) -> AbstractContextManager[Report]:
        """Show the events of a run while the block carries it out."""

    def quiet(self) -> Console:
        """The same one, which shows neither plan nor status."""
