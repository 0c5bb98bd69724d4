"""Asking for consent; without a terminal the answer is no."""

from __future__ import annotations

import sys

from adbray_ctl.cli.render.screen import ask_text, ask_yes
from adbray_ctl.core.errors import RefusedError


def confirm(question: str) -> None:
    """Ask yes or no. Raises RefusedError on no, or when there is nobody to ask."""
    _require_terminal()
    if not ask_yes(question):
        raise RefusedError("not confirmed; nothing was changed")


def ask(question: str) -> bool:
    """Ask yes or no; no when there is nobody to ask."""
    return is_interactive() and ask_yes(question)


def confirm_name(question: str, name: str) -> None:
    """Ask for ``name`` to be typed. Raises RefusedError on anything else."""
    _require_terminal()
    if ask_text(f"{question}\nType {name} to go on") != name:
        raise RefusedError("not confirmed; nothing was changed")


def is_interactive() -> bool:
    """Whether a question would be seen."""
    return sys.stdin.isatty()


def _require_terminal() -> None:
    if not is_interactive():
        raise RefusedError(
            "this needs a yes, and no terminal is there to ask on", hint="pass --yes"
        )
