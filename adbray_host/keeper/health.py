"""Whether Ray answers on this host, asked over HTTP as Ray documents health checks.

GCS through the dashboard, and the head's raylet through its agent (/api/gcs_healthz and
/api/local_raylet_healthz; ray/dashboard/http_server_head.py and http_server_agent.py): a process
that is there and hangs is found too.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable


class Watch:
    """Asks ``address:port`` for ``path`` every second, in a thread of its own.

    ``hang_s`` is how long no answer is borne; before the first one ``start_s``.
    """

    def __init__(
        self,
        what: str,
        probe: Callable[[], str],
        *,
        hang_s: float,
        start_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.what = what
        self._probe = probe
        self._hang_s = hang_s
        self._start_s = start_s
        self._now = now
        self._began = now()
        self._answered_at: float | None = None
        self._error = "no answer yet"

    @property
    def up(self) -> bool:
        """Whether it ever answered."""
        return self._answered_at is not None

    def look(self) -> None:
        """Ask once."""
        asked_at = self._now()
        self._error = self._probe()
        if not self._error:
            self._answered_at = asked_at

    def verdict(self) -> str:
        """Why it must be taken for hung; empty while it need not."""
        if self._answered_at is None:
            waited, bound = self._now() - self._began, self._start_s
        else:
            waited, bound = self._now() - self._answered_at, self._hang_s
        if waited <= bound:
            return ""
        return f"{self.what} has not answered for {waited:.0f} s: {self._error}"

    def keep_looking(self, every_s: float) -> None:
        """Ask for ever, in a thread that ends with the process."""

        def loop() -> None:
            while True:
                self.look()
                time.sleep(every_s)

        threading.Thread(target=loop, name=f"watch {self.what}", daemon=True).start()


class Line:
    """An open connection to a process that listens: it breaks as soon as the process ends.

    `ray start --block` looks only once a second, and then ends the rest in its own time.
    """

    def __init__(self, what: str, address: str, port: int) -> None:
        self.what = what
        self._at = (address, port)
        self._link: socket.socket | None = None

    def fileno(self) -> int:
        """Readable when there is something to look at, for select(); -1 while not connected."""
        return self._link.fileno() if self._link is not None else -1

    def connect(self) -> str:
        """Why nobody listens there; empty once connected. No other fault is named."""
        self.close()
        try:
            self._link = socket.create_connection(self._at, 1.0)
        except ConnectionRefusedError as error:
            return f"{self.what} has ended: {error}"
        except OSError:
            return ""
        self._link.setblocking(False)
        return ""

    def verdict(self) -> str:
        """Why the process must be taken for ended; empty while it need not."""
        if self._link is None:
            return self.connect()
        try:
            # What it says is of no interest; a server may also close a connection that is silent.
            while self._link.recv(4096):
                pass
        except BlockingIOError:
            return ""
        except OSError:
            pass
        return self.connect()

    def close(self) -> None:
        """Hang up."""
        if self._link is not None:
            self._link.close()
            self._link = None


def http_probe(address: str, port: int, path: str, timeout_s: float) -> Callable[[], str]:
    """A probe that gives what is wrong, or nothing. A refusal to answer strangers is an answer."""

    def probe() -> str:
        connection = http.client.HTTPConnection(address, port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__} {error}".strip()
        finally:
            connection.close()
        return f"HTTP {answer.status} {answer.reason}" if answer.status >= 500 else ""

    return probe
