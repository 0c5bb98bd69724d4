"""What a keeper shows of itself: to systemd, and in a file to who observes its host."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path


def notify(text: str) -> None:
    """Send systemd a message (sd_notify(3)); nothing where none listens."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        link.sendto(text.encode(), "\0" + path[1:] if path.startswith("@") else path)


class StateFile:
    """The keeper's state, and who leads where that is known."""

    def __init__(self, path: str, me: str) -> None:
        self._path = Path(path)
        self._me = me
        self._last: dict[str, str] = {}

    def read(self) -> str:
        """The state that a keeper wrote last, this one or one before; empty if none did."""
        try:
            return str(json.loads(self._path.read_text())["state"])
        except (OSError, ValueError, KeyError):
            return ""

    def write(self, state: str, leader: str = "", detail: str = "") -> None:
        """Show the state to systemd as well; only what is new."""
        now = {"state": state, "leader": leader, "detail": detail}
        if now == self._last:
            return
        self._last = now
        words = [state, f"({leader} leads)" if leader != self._me and leader else "", detail]
        text = " ".join(word for word in words if word)
        notify(f"STATUS={text}")
        print(text, flush=True)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps({**now, "since": time.time()}))
        new.rename(self._path)
