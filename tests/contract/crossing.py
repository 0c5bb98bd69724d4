"""A TCP path to a host whose far end can be changed, as a machine in the middle would do."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_HEAD = 6
_NEWKEYS = 21


class Crossing:
    """Forwards each connection to ``target``, and keeps what clients send after a change."""

    def __init__(self, listening: socket.socket, target: tuple[str, int]) -> None:
        self._listening = listening
        self._target = target
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._changed = False
        self.sent: list[bytearray] = []
        """One stream for each connection that was accepted after the change."""

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    def lead_to(self, target: tuple[str, int]) -> None:
        """Cut all connections; new ones lead to ``target``."""
        with self._lock:
            self._target, self._changed = target, True
            cut, self._open = self._open, []
        for end in cut:
            _shut(end)

    def serve(self) -> None:
        while True:
            try:
                client = self._listening.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with self._lock:
            kept = bytearray()
            if self._changed:
                self.sent.append(kept)
            try:
                server = socket.create_connection(self._target, timeout=10)
            except OSError:
                client.close()
                return
            server.settimeout(None)
            self._open += [client, server]
        back = threading.Thread(target=_pump, args=(server, client, bytearray()), daemon=True)
        back.start()
        _pump(client, server, kept)
        back.join()
        client.close()
        server.close()


def _pump(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            kept += data
            target.sendall(data)
    _shut(target)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def crossing(target: tuple[str, int], address: str = "127.0.0.1") -> Iterator[Crossing]:
    """A path that begins at ``address`` and leads to ``target`` until that is changed."""
    with socket.create_server((address, 0)) as listening:
        path = Crossing(listening, target)
        threading.Thread(target=path.serve, daemon=True).start()
        try:
            yield path
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            path.lead_to(target)


def encrypted(stream: bytes) -> bytes:
    """What an SSH client sent behind its NEWKEYS, which ends the clear text.

    A login, commands and data all come there. A client that refuses the server's key sends nothing.
    """
    banner, _, rest = stream.partition(b"\n")
    assert banner.startswith(b"SSH-2.0-"), banner
    while len(rest) > _HEAD:
        length, _padding, kind = struct.unpack(">IBB", rest[:_HEAD])
        rest = rest[4 + length :]
        if kind == _NEWKEYS:
            return rest
    return b""
