"""A login that was used is used again, unless the host or time speaks against it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import paramiko
import pytest
from paramiko.common import OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED

from adbray_ctl.adapters.ssh import logins
from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.adapters.ssh.login import Login
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.spec.fleet import Fleet
from tests.contract.ssh_server import Shell, hosts

Second = Callable[["Counted"], int]


class Counted(Shell):
    """One login. What a second session of it gets is up to the test."""

    def __init__(self, started: list[subprocess.Popen[bytes]], second: Second) -> None:
        super().__init__(started)
        self.sessions, self.second = 0, second

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self.sessions += 1
        return OPEN_SUCCEEDED if self.sessions == 1 else self.second(self)


class Site:
    """A host that counts the logins to it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.logins: list[Counted] = []
        self.second: Second = lambda _: OPEN_SUCCEEDED
        self.fleet, _ = stack.enter_context(hosts(folder, ("a",), self._shell))
        self.known_hosts = KnownHosts(folder / "known_hosts")
        self.access = SshHosts(self.known_hosts)

    def _shell(self, started: list[subprocess.Popen[bytes]]) -> Counted:
        self.logins.append(Counted(started, self.second))
        return self.logins[-1]

    def ask(self) -> str:
        asked = '{"group": "no-group", "node": "w-0"}'
        return self.access.reply(self.fleet, "a", "clean", stdin=asked).text

    def asked_twice(self) -> int:
        """How many logins that took."""
        assert [self.ask(), self.ask()] == [ANSWER, ANSWER]
        return len(self.logins)


ANSWER = '{"missing": "no record"}\n'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def test_the_next_command_has_the_same_login(site: Site) -> None:
    assert site.asked_twice() == 1
    assert site.logins[0].sessions == 2


def test_a_host_that_lets_a_login_have_one_session_gets_another_login(site: Site) -> None:
    site.second = lambda _: OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
    assert site.asked_twice() == 2


def test_a_host_that_does_not_answer_any_more_gets_another_login(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "_OPENS_S", 0.2)
    over = threading.Event()

    def silent(_: Counted) -> int:
        over.wait(60)
        return OPEN_SUCCEEDED

    site.second = silent
    assert site.asked_twice() == 2
    over.set()


def test_a_login_is_not_kept_for_long(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_KEPT_S", -1.0)
    assert site.asked_twice() == 2


def test_more_than_so_many_are_not_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_MOST", 0)
    assert site.asked_twice() == 2


def test_one_that_broke_is_not_kept(site: Site) -> None:
    kept = logins.Logins(site.known_hosts)
    with pytest.raises(HostError), kept.to(site.fleet, "a") as login:
        raise HostError("broken", where="a")
    assert not active(login)
    with kept.to(site.fleet, "a") as other:
        assert other.client is not login.client


def test_commands_at_once_have_a_login_each(site: Site) -> None:
    kept = logins.Logins(site.known_hosts)
    with kept.to(site.fleet, "a") as one, kept.to(site.fleet, "a") as other:
        assert one.client is not other.client
    with kept.to(site.fleet, "a") as again:
        assert again.client in (one.client, other.client)


def test_another_user_or_address_is_another_login(site: Site) -> None:
    kept = logins.Logins(site.known_hosts)
    with kept.to(site.fleet, "a") as one:
        pass
    ssh = site.fleet.ssh.model_copy(update={"user": "ops"})
    with kept.to(Fleet.model_copy(site.fleet, update={"ssh": ssh}), "a") as other:
        assert other.client is not one.client
        assert other.ssh.user == "ops"


def test_those_that_are_kept_are_closed_with_their_owner(site: Site) -> None:
    kept = logins.Logins(site.known_hosts)
    with kept.to(site.fleet, "a") as login:
        pass
    assert active(login)
    del kept
    assert not active(login)


def active(login: Login) -> bool:
    transport: paramiko.Transport | None = login.client.get_transport()
    return transport is not None and transport.is_active()
