"""Whether the node of a start is up: its agent says so, as the keeper asks the head's."""

from __future__ import annotations

import contextlib
import socket
import threading

from adbray_host.keeper.health import http_probe

EVERY_S = 0.5
PROBE_S = 3.0


class AgentWatch:
    """Asks an agent in a thread of its own, until it answers; then ``wake`` is sent a byte."""

    def __init__(self, at: tuple[str, int], wake: socket.socket) -> None:
        self.up = False
        self._stopped = threading.Event()
        self._wake = wake
        self._probe = http_probe(*at, "/api/local_raylet_healthz", PROBE_S)
        threading.Thread(target=self._look, name="agent", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _look(self) -> None:
        while not self._stopped.wait(EVERY_S):
            if not self._probe():
                self.up = True
                # The service may have ended.
                with contextlib.suppress(OSError):
                    self._wake.send(b".")
                return
