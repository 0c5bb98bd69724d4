"""The lease of a group: a file on its head host that names its holder and runs out by itself."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adbray_ctl.adapters.ssh.ask import Commands, Question, Reply
from adbray_ctl.core.errors import HostError, RefusedError
from adbray_ctl.core.spec.fleet import Fleet

# A holder that was killed blocks others no longer than this; a living one renews in time.
_TERM_S = 60
_RENEW_S = 15


class HostLease:
    """Lease. ``identity`` is a file that tells this project's control side from others."""

    def __init__(self, hosts: Commands, identity: Path) -> None:
        self._hosts = hosts
        self._identity = identity

    @contextmanager
    def hold(self, fleet: Fleet, host: str, group: str, purpose: str) -> Iterator[None]:
        owner = json.dumps(self._owner(purpose))
        held = self._ask(fleet, host, "take", group, owner)
        if held is not None:
            raise RefusedError(
                f"group {group} is being changed by {held}",
                where=host,
                hint=f"wait until it has ended; if it never will: adbray unlock {group}",
            )
        ended = threading.Event()
        renewal = threading.Thread(
            target=self._renew, args=(fleet, host, group, owner, ended), daemon=True
        )
        renewal.start()
        try:
            yield
        finally:
            ended.set()
            renewal.join()
            self._give_back(fleet, host, group, owner)

    def holder(self, fleet: Fleet, host: str, group: str) -> str | None:
        return self._ask(fleet, host, "show", group, "")

    def break_(self, fleet: Fleet, host: str, group: str) -> None:
        self._ask(fleet, host, "break", group, "")

    def _ask(self, fleet: Fleet, host: str, verb: str, group: str, owner: str) -> str | None:
        question = Question("lease", _answer, (verb, group, owner, str(_TERM_S)))
        held, now = self._hosts.answer(fleet, host, question)
        if held is None:
            return None
        since = time.strftime("%H:%M:%S", time.localtime(held["since"]))
        left = held["until"] - now
        return f"{held['owner']['text']}, since {since}, for {left:.0f} s more unless renewed"

    def _renew(
        self, fleet: Fleet, host: str, group: str, owner: str, ended: threading.Event
    ) -> None:
        while not ended.wait(_RENEW_S):
            try:
                self._ask(fleet, host, "renew", group, owner)
            except HostError:
                # The host may be away for a moment, or be the very one that is changed.
                continue

    def _give_back(self, fleet: Fleet, host: str, group: str, owner: str) -> None:
        try:
            self._ask(fleet, host, "give", group, owner)
        except HostError:
            # It runs out by itself.
            return

    def _owner(self, purpose: str) -> dict[str, str]:
        who = f"{getpass.getuser()}@{socket.gethostname()}"
        return {"id": self._project(), "text": f"{who}, pid {os.getpid()}: {purpose}"}

    def _project(self) -> str:
        """The project's own id.

        Its lock file admits one process, so a lease of its own is one that a killed run left.
        """
        self._identity.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with self._identity.open("x") as file:
                file.write(secrets.token_hex(8))
        except FileExistsError:
            pass
        return self._identity.read_text().strip()


def _answer(reply: Reply) -> tuple[dict[str, Any] | None, float]:
    """Who else holds it, if anyone, and the host's time."""
    answer = json.loads(reply.text)
    return answer["held"], answer["now"]
