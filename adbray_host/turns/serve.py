"""The command `turns`: gives the starts of this host their turns.

systemd starts it when the first one asks (adbray-turns.socket), and it ends when no start has asked
for a while. A start says in lines what it waits for, and reads one line:

    head                wait for the head: nothing is started against one that does not answer
    turn [HOST PORT]    its turn; its node is up once its agent answers there
    up                  its node is up
    go                  what it reads when its turn has come

It has its turn until its node is up, or its connection ends: with the process, whatever ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial

from adbray_host import files, layout
from adbray_host.turns import peers
from adbray_host.turns.agent import AgentWatch
from adbray_host.turns.queue import Queue, pasts_of

IDLE_S = 30.0
LONGEST_LINE = 100


class Link:
    """One start's connection: what it said last, and where its agent will answer."""

    def __init__(self, sock: socket.socket, unit: str) -> None:
        self.sock = sock
        self.unit = unit
        self.agent: tuple[str, int] | None = None
        self.watch: AgentWatch | None = None
        self._text = b""

    def lines(self) -> list[list[str]] | None:
        """The words of each whole line that has come; None once it has hung up."""
        try:
            part = self.sock.recv(4096)
        except BlockingIOError:
            return []
        except OSError:
            return None
        *lines, self._text = (self._text + part).split(b"\n")
        if not part or len(self._text) > LONGEST_LINE:
            return None
        return [line.decode("ascii", "replace").split() for line in lines]

    def go(self) -> None:
        """Its turn has come. One that is gone shows as that at the next look."""
        with contextlib.suppress(OSError):
            self.sock.send(b"go\n")

    def look_no_more(self) -> None:
        if self.watch is not None:
            self.watch.stop()
            self.watch = None

    def close(self) -> None:
        self.look_no_more()
        self.sock.close()


class Server:
    """Connections over the queue. All of it runs in one thread, but for the looks at agents."""

    def __init__(self, listener: socket.socket, queue: Queue, write: Callable[[str], None]) -> None:
        self._listener = listener
        self._queue = queue
        self._write = write
        self._written = ""
        self._links: dict[str, Link] = {}
        self._heard, self._wake = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._heard, selectors.EVENT_READ, self._hear_agents)

    def serve(self, idle_s: float) -> None:
        """Until no start has been here for so long."""
        while True:
            due = self._queue.due()
            self._show()
            for unit in due:
                self._give(self._links[unit])
            next_at = self._queue.next_at()
            within_s = None if next_at is None else max(next_at - self._queue.clock(), 0.0) + 0.01
            ready = self._selector.select(within_s if self._links else idle_s)
            if not ready and not self._links:
                return
            for key, _ in ready:
                key.data()

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        self._selector.close()
        self._heard.close()
        self._wake.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        unit = peers.unit_of(sock)
        link, start = Link(sock, unit), peers.start_of(unit)
        again = partial(peers.is_restart, unit)
        if not unit or not self._queue.came(unit, start, peers.rank_of(unit), again):
            link.go()
            link.close()
            return
        self._links[unit] = link
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._hear(link))

    def _hear(self, link: Link) -> None:
        if self._links.get(link.unit) is not link:
            # Its node came up in the same moment.
            return
        lines = link.lines()
        if lines is None:
            self._queue.left(link.unit)
            self._forget(link)
            return
        for words in lines:
            self._obey(link, words)

    def _obey(self, link: Link, words: list[str]) -> None:
        if link.unit not in self._links:
            return
        if words[:1] == ["turn"]:
            if len(words) == 3 and words[2].isdigit():
                link.agent = (words[1], int(words[2]))
            self._queue.asks(link.unit)
        elif words == ["head"]:
            link.look_no_more()
            self._queue.waits_for_head(link.unit)
        elif words == ["up"]:
            self._up(link)

    def _give(self, link: Link) -> None:
        link.go()
        if link.agent is not None:
            link.watch = AgentWatch(link.agent, self._wake)

    def _hear_agents(self) -> None:
        self._heard.recv(4096)
        for link in list(self._links.values()):
            if link.watch is not None and link.watch.up:
                self._up(link)

    def _up(self, link: Link) -> None:
        self._queue.is_up(link.unit)
        if link.unit not in self._queue.entries:
            self._forget(link)

    def _forget(self, link: Link) -> None:
        del self._links[link.unit]
        self._selector.unregister(link.sock)
        link.close()

    def _show(self) -> None:
        text = json.dumps(self._queue.shown())
        if text != self._written:
            self._written = text
            self._write(text)


def give_turns(listener: socket.socket, cpus: int, idle_s: float) -> None:
    """Go on with what the last one knew, until no start has been here for so long."""
    path, clock = layout.turns_view(), time.monotonic
    pasts = pasts_of(files.read_json(path) or {}, clock())
    queue = Queue(cpus, clock, random.random, pasts)

    def write(text: str) -> None:
        # A full disk keeps the view from being written, and no turn from being given.
        with contextlib.suppress(OSError):
            files.write(path, text)

    server = Server(listener, queue, write)
    try:
        server.serve(idle_s)
    finally:
        server.close()


def main(_words: list[str]) -> int:
    # The first of what systemd hands over (sd_listen_fds(3)).
    with socket.socket(fileno=3) as listener:
        give_turns(listener, len(os.sched_getaffinity(0)), IDLE_S)
    return 0
