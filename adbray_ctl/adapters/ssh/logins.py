"""Logins that are kept for a moment: one command of adbray asks a host several times.

To log in is half of the time that a question takes (decision 52).
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import paramiko

from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.adapters.ssh.login import Login, session
from adbray_ctl.core.spec.fleet import Fleet

# From its last command on. Longer, and a host may have lost its power meanwhile.
_KEPT_S = 20.0
# A kept login whose host does not answer for so long is given up: one that is new says why.
_OPENS_S = 3.0
# Each has a socket and a thread.
_MOST = 128


class _Kept:
    """A login, and what ends it."""

    def __init__(self, known_hosts: KnownHosts, fleet: Fleet, host: str) -> None:
        with ExitStack() as stack:
            self.login = stack.enter_context(session(known_hosts, fleet, host))
            self._ends = stack.pop_all()
        self._used_at = 0.0

    def end(self) -> None:
        self._ends.close()

    def rest(self) -> None:
        """Its command has ended."""
        self.login.channel, self._used_at = None, time.monotonic()

    def opens(self) -> bool:
        """Open a channel for the next command; False if the login is of no use any more."""
        transport = self.login.client.get_transport()
        if transport is None or time.monotonic() - self._used_at > _KEPT_S:
            return False
        try:
            self.login.channel = transport.open_session(timeout=_OPENS_S)
        except (paramiko.SSHException, OSError, EOFError):
            # The host is gone, or lets a login have one session alone.
            return False
        return True


class Logins:
    """Those to the hosts of fleets; each is used by one command at a time."""

    def __init__(self, known_hosts: KnownHosts) -> None:
        self._known_hosts = known_hosts
        self._lock = threading.Lock()
        self._kept: dict[str, list[_Kept]] = defaultdict(list)
        # The end of the process closes them anyway, all at once.
        weakref.finalize(self, _close, self._kept).atexit = False

    @contextmanager
    def to(self, fleet: Fleet, host: str) -> Iterator[Login]:
        """A login during the block, which is kept if the block ends well. Raises as `session`."""
        ssh = fleet.ssh_for(fleet.host(host))
        key = f"{host} {fleet.host(host).address} {ssh.model_dump_json()}"
        kept = self._used(key) or _Kept(self._known_hosts, fleet, host)
        try:
            yield kept.login
        except BaseException:
            kept.end()
            raise
        kept.rest()
        self._keep(key, kept)

    def _used(self, key: str) -> _Kept | None:
        while True:
            with self._lock:
                kept = self._kept[key].pop() if self._kept[key] else None
            if kept is None or kept.opens():
                return kept
            kept.end()

    def _keep(self, key: str, kept: _Kept) -> None:
        with self._lock:
            room = sum(map(len, self._kept.values())) < _MOST
            if room:
                self._kept[key].append(kept)
        if not room:
            kept.end()


def _close(every: dict[str, list[_Kept]]) -> None:
    for some in every.values():
        for kept in some:
            kept.end()
