"""Signals, turned into the end of a wait."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import Protocol


class Heard(Protocol):
    """What may be heard of during a wait; nothing while its number is -1."""

    def fileno(self) -> int: ...


class Stopped(Exception):
    """systemd wants the unit to stop."""


class Bell:
    """A wait that SIGTERM and the end of a child cut short; signals are looked at nowhere else."""

    def __init__(self) -> None:
        self._heard, ring = socket.socketpair()
        self._ring = ring
        self._stopping = False
        ring.setblocking(False)
        signal.set_wakeup_fd(ring.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._stopping |= number == signal.SIGTERM

    def forget(self) -> None:
        """Forget the end of a child that this process has waited for, and never SIGTERM."""
        while select.select([self._heard], [], [], 0)[0]:
            self._heard.recv(4096)

    def wait(self, seconds: float, lines: Sequence[Heard] = ()) -> None:
        """Until then, or a signal comes, or a line moves. Stopped once SIGTERM has come."""
        heard: list[Heard] = [self._heard]
        heard += (line for line in lines if line.fileno() >= 0)
        if not self._stopping and self._heard in select.select(heard, [], [], seconds)[0]:
            self._heard.recv(4096)
        if self._stopping:
            raise Stopped
