"""The keeper's wait, and the signals that end it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from adbray_host.keeper.bell import Bell, Stopped

_HANDLED = (signal.SIGTERM, signal.SIGCHLD)


@pytest.fixture
def bell() -> Iterator[Bell]:
    before = {number: signal.getsignal(number) for number in _HANDLED}
    wakeup = signal.set_wakeup_fd(-1)
    one = Bell()
    yield one
    one._heard.close()
    one._ring.close()
    signal.set_wakeup_fd(wakeup)
    for number, handler in before.items():
        signal.signal(number, handler)


def waited(bell: Bell, seconds: float) -> float:
    began = time.monotonic()
    bell.wait(seconds)
    return time.monotonic() - began


def test_the_end_of_a_child_ends_a_wait(bell: Bell) -> None:
    subprocess.run(["true"], check=True)
    assert waited(bell, 60.0) < 30


def test_one_that_is_forgotten_does_not(bell: Bell) -> None:
    """A keeper that holds an address runs `ip` before each wait."""
    for _ in range(3):
        subprocess.run(["true"], check=True)
    bell.forget()
    assert waited(bell, 0.2) >= 0.2


def test_the_end_of_the_unit_is_never_forgotten(bell: Bell) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    bell.forget()
    with pytest.raises(Stopped):
        bell.wait(5.0)
