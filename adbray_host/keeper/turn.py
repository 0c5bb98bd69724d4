"""The head's turn to start, for which its keeper waits without standing still."""

from __future__ import annotations

from collections.abc import Callable

from adbray_host.keeper.bell import Bell
from adbray_host.turns.ask import Turn


def await_turn(bell: Bell, tick_s: float, meanwhile: Callable[[], None]) -> Turn:
    """The head's turn to start; ``meanwhile`` is done at each tick."""
    turn = Turn()
    turn.say("turn")
    while not turn.granted:
        bell.wait(tick_s, [turn])
        turn.hear()
        if not turn.granted:
            meanwhile()
    return turn
