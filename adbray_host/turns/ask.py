"""A start's side: it asks for its turn, and waits without using any CPU.

Where no service gives turns, a start has its turn at once: no host is worse off for a service that
is missing, or older than this program.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time

from adbray_host import layout

CONNECT_S = 2.0
# The service may end and start again: a start that waits connects once more.
TRIES = 5
AGAIN_S = 0.2
HEAD_S = 1.0


class Turn:
    """One start's turn. ``granted`` says that it has come."""

    def __init__(self) -> None:
        self.granted = False
        self._link: socket.socket | None = None
        self._said = ""
        self._tries = 0
        self._met = False

    def fileno(self) -> int:
        """Readable when there is something to hear, for select(); -1 while not connected."""
        return self._link.fileno() if self._link is not None else -1

    def say(self, text: str) -> None:
        """What this start waits for."""
        self._said, self.granted = text, False
        if self._link is None or not self._send():
            self._connect()

    def is_up(self) -> None:
        """Its node is up: others may start."""
        self._said = "up"
        if self._link is not None:
            self._send()
        self.close()

    def hear(self) -> None:
        """Take what has come, if anything has."""
        if self._link is None:
            return
        try:
            text = self._link.recv(64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            text = b""
        if text:
            self.granted = True
        elif not self.granted:
            self._connect()

    def wait(self) -> None:
        """Until it has come."""
        while not self.granted:
            if self._link is not None:
                select.select([self._link], [], [])
            self.hear()

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _send(self) -> bool:
        assert self._link is not None
        try:
            self._link.sendall(self._said.encode() + b"\n")
        except OSError:
            return False
        return True

    def _connect(self) -> None:
        """Once more, if the service was ever there."""
        self.close()
        self.granted, why = True, ""
        while self._tries < TRIES:
            self._tries += 1
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            link.settimeout(CONNECT_S)
            try:
                link.connect(layout.turns_socket())
                link.sendall(self._said.encode() + b"\n")
            except OSError as error:
                link.close()
                why = str(error)
                if self._met:
                    time.sleep(AGAIN_S)
                    continue
                self._tries = TRIES
            else:
                link.settimeout(None)
                self._link, self._met, self.granted = link, True, False
                return
        if why:
            say(f"no service gives turns here, so it starts at once: {why}")


def say(text: str) -> None:
    """Into the journal."""
    print(text, file=sys.stderr, flush=True)


def answers(head: tuple[str, int]) -> bool:
    """Whether something listens there: GCS does once it has read its tables."""
    try:
        socket.create_connection(head, HEAD_S).close()
    except OSError:
        return False
    return True


def wait_for_head(head: tuple[str, int]) -> None:
    """Until it answers. Workers that began together do not ask together."""
    while not answers(head):
        time.sleep(0.4 + os.urandom(1)[0] / 640)


def await_turn(head: tuple[str, int] | None, agent: tuple[str, int] | None) -> Turn:
    """A worker's turn, with a head that answers when it has come."""
    turn = Turn()
    while True:
        if head is not None and not answers(head):
            say("it waits for the head at %s:%d" % head)
            turn.say("head")
            wait_for_head(head)
        turn.say("turn %s %d" % agent if agent else "turn")
        turn.wait()
        if head is None or answers(head):
            return turn
