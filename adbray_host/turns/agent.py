"""Whether the node of a start is up: its agent says so, as the keeper asks the head's."""

from __future__ import annotations

import contextlib
import re
import socket
import threading

EVERY_S = 0.2
PROBE_S = 3.0
_ASKED = b"GET /api/local_raylet_healthz HTTP/1.0\r\n\r\n"
# A refusal to answer strangers is an answer.
_WELL = re.compile(rb"HTTP/1\.[01] [1-4][0-9][0-9] ")


class AgentWatch:
    """Asks an agent, in its own thread, until it answers; then sends ``wake`` a byte."""

    def __init__(self, at: tuple[str, int], wake: socket.socket) -> None:
        self.up = False
        self._at = at
        self._stopped = threading.Event()
        self._wake = wake
        threading.Thread(target=self._look, name="agent", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _look(self) -> None:
        while not self._stopped.wait(EVERY_S):
            # The service may have ended, too.
            with contextlib.suppress(OSError):
                if is_well(self._at):
                    self.up = True
                    self._wake.send(b".")
                    return


def is_well(at: tuple[str, int]) -> bool:
    """Whether it answers so. OSError. The service is to be there at once: no module for HTTP."""
    with socket.create_connection(at, PROBE_S) as link:
        link.sendall(_ASKED)
        return bool(_WELL.match(link.recv(64)))
