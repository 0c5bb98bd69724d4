"""Logins that are kept for a moment: one command of adbray asks a host several times.

To log in takes both sides 0.05 s of CPU each, and the wait for a login shell's PAM.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import paramiko

from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.adapters.ssh.login import session
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.ssh import Ssh

# From its last command on. Longer, and a host may have lost its power meanwhile.
_KEPT_S = 20.0
# A kept login whose host does not answer for so long is given up: one that is new says why.
_OPENS_S = 3.0
# Each has a socket and a thread.
_MOST = 128


@dataclass
class Login:
    """One login to a host; ``channel`` is open already where it was used before."""

    client: paramiko.SSHClient
    ssh: Ssh
    ends: ExitStack
    channel: paramiko.Channel | None = None
    used_at: float = 0.0

    def opens(self) -> bool:
        """Open a channel for the next command; False if the login is of no use any more."""
        transport = self.client.get_transport()
        if transport is None or time.monotonic() - self.used_at > _KEPT_S:
            return False
        try:
            self.channel = transport.open_session(timeout=_OPENS_S)
        except (paramiko.SSHException, OSError, EOFError):
            # The host is gone, or lets a login have one session alone.
            return False
        return True


class Logins:
    """Those to the hosts of fleets; each is used by one command at a time."""

    def __init__(self, known_hosts: KnownHosts) -> None:
        self._known_hosts = known_hosts
        self._lock = threading.Lock()
        self._kept: dict[str, list[Login]] = defaultdict(list)
        # The end of the process closes them anyway, all at once.
        weakref.finalize(self, _close, self._kept).atexit = False

    @contextmanager
    def to(self, fleet: Fleet, host: str) -> Iterator[Login]:
        """A login during the block, which is kept if the block ends well. Raises as `session`."""
        ssh = fleet.ssh_for(fleet.host(host))
        key = f"{host} {fleet.host(host).address} {ssh.model_dump_json()}"
        login = self._used(key) or self._new(fleet, host)
        try:
            yield login
        except BaseException:
            login.ends.close()
            raise
        self._keep(key, login)

    def _new(self, fleet: Fleet, host: str) -> Login:
        with ExitStack() as stack:
            client, ssh = stack.enter_context(session(self._known_hosts, fleet, host))
            return Login(client, ssh, stack.pop_all())

    def _used(self, key: str) -> Login | None:
        while True:
            with self._lock:
                login = self._kept[key].pop() if self._kept[key] else None
            if login is None or login.opens():
                return login
            login.ends.close()

    def _keep(self, key: str, login: Login) -> None:
        login.channel, login.used_at = None, time.monotonic()
        with self._lock:
            room = sum(map(len, self._kept.values())) < _MOST
            if room:
                self._kept[key].append(login)
        if not room:
            login.ends.close()


def _close(kept: dict[str, list[Login]]) -> None:
    for logins in kept.values():
        for login in logins:
            login.ends.close()
