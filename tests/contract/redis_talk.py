"""A server that answers as the Redis protocol has it, byte by byte."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from adbray_host.redis_client import Server

Talk = Callable[[socket.socket], None]


@contextmanager
def listening(*talks: Talk) -> Iterator[Server]:
    """A server that lets each connection be served by the next of ``talks``, then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for talk in talks:
                link, _ = server.accept()
                with link:
                    talk(link)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Server("127.0.0.1", server.getsockname()[1])
        thread.join(60)


def answers(*replies: bytes, heard: list[bytes] | None = None) -> Talk:
    def talk(link: socket.socket) -> None:
        for reply in replies:
            data = link.recv(4096)
            if heard is not None:
                heard.append(data)
            link.sendall(reply)

    return talk
