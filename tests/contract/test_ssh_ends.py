"""Commands that end before they have read what is written to them, or do not begin, over SSH."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest

from adbray_ctl.adapters.ssh.hosts import SshHosts
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.spec.fleet import Fleet
from tests.contract.ssh_server import AnyKey, hosts

# More than SSH lets a sender have under way: who writes it waits until it is read, or nobody reads.
LONG = "#" * 2**23


class Ends(AnyKey):
    """Ends each command at once with ``status``; without one if that is None."""

    def __init__(self, status: int | None) -> None:
        self._status = status

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Timer(0.2, self._end, (channel,)).start()
        return True

    def _end(self, channel: paramiko.Channel) -> None:
        channel.sendall_stderr(b"env: 'python3': No such file or directory\n")
        if self._status is not None:
            channel.send_exit_status(self._status)
        channel.close()


@contextmanager
def host(folder: Path, server: AnyKey) -> Iterator[Fleet]:
    """A fleet of one host, whose commands go so."""
    key = folder / "key"
    pair = paramiko.RSAKey.generate(2048)
    pair.write_private_key_file(str(key))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        ssh = {"user": "root", "port": listening.getsockname()[1], "identity_file": str(key)}
        fleet = {"kind": "Fleet", "ssh": ssh, "hosts": [{"name": "a", "address": "127.0.0.1"}]}
        served: list[paramiko.Transport] = []

        def serve() -> None:
            transport = paramiko.Transport(listening.accept()[0])
            transport.add_server_key(pair)
            # With an event it does not wait: a client may leave before it has agreed on keys.
            transport.start_server(event=threading.Event(), server=server)
            served.append(transport)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Fleet.model_validate(fleet)
        finally:
            thread.join()
            for transport in served:
                transport.close()


def test_a_port_without_sshd_is_told_without_error_numbers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hosts = [{"name": "a", "address": "127.0.0.1"}]
    fleet = Fleet.model_validate({"kind": "Fleet", "ssh": {"port": port}, "hosts": hosts})
    with pytest.raises(HostError, match=f"cannot connect to root@127.0.0.1:{port}: Unable to"):
        SshHosts(KnownHosts(tmp_path / "known_hosts")).reply(fleet, "a", "leftovers")


@pytest.mark.parametrize(
    ("status", "told"), [(127, "No such file or directory"), (None, "killed, or the connection")]
)
def test_what_a_command_said_is_told(tmp_path: Path, status: int | None, told: str) -> None:
    with host(tmp_path, Ends(status)) as fleet, pytest.raises(HostError, match=told):
        SshHosts(KnownHosts(tmp_path / "known_hosts")).reply(fleet, "a", "clean", stdin=LONG)


def test_a_host_that_runs_no_command_is_an_error(tmp_path: Path) -> None:
    with (
        host(tmp_path, AnyKey()) as fleet,
        pytest.raises(HostError, match="the connection broke: Channel closed"),
        SshHosts(KnownHosts(tmp_path / "known_hosts")).lines_of(fleet, "a", "leftovers") as lines,
    ):
        list(lines)


class Slow(AnyKey):
    """Lets in after a while, as PAM and name services do: once it is ``released``."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.released.wait(60)
        return super().check_auth_publickey(username, key)


def patient_for(fleet: Fleet, seconds: int) -> Fleet:
    ssh = fleet.ssh.model_copy(update={"connect_timeout_s": seconds})
    return fleet.model_copy(update={"ssh": ssh})


def test_a_slow_login_is_not_one_that_is_refused(tmp_path: Path) -> None:
    slow = Slow()
    with host(tmp_path, slow) as fleet:
        # The steps before this one must come in time.
        patient = patient_for(fleet, 4)
        try:
            with pytest.raises(HostError) as caught:
                SshHosts(KnownHosts(tmp_path / "known_hosts")).reply(patient, "a", "leftovers")
        finally:
            slow.released.set()
    assert "is too slow: authentication (PAM" in caught.value.what
    assert "took more than 4 s" in caught.value.what
    assert "raise ssh.connect_timeout_s" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("greeting", "told"),
    [(b"", "the greeting of sshd"), (b"SSH-2.0-slow\r\n", "the exchange of keys")],
)
def test_a_server_that_hangs_is_named_by_the_step(
    tmp_path: Path, greeting: bytes, told: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ssh = {"port": listening.getsockname()[1], "connect_timeout_s": 1}
        hosts = [{"name": "a", "address": "127.0.0.1"}]
        fleet = Fleet.model_validate({"kind": "Fleet", "ssh": ssh, "hosts": hosts})
        kept: list[socket.socket] = []

        def serve() -> None:
            kept.append(listening.accept()[0])
            kept[0].sendall(greeting)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(HostError, match=f"is too slow: {told}"):
            SshHosts(KnownHosts(tmp_path / "known_hosts")).reply(fleet, "a", "leftovers")
        thread.join()
        kept[0].close()


def test_a_host_that_answers_something_else_is_quoted(tmp_path: Path) -> None:
    class Talks(Ends):
        def _end(self, channel: paramiko.Channel) -> None:
            channel.sendall(b"Please log in as admin.\n\x1b[2J")
            channel.send_exit_status(142)
            channel.close()

    with host(tmp_path, Talks(142)) as fleet:
        seen = SshHosts(KnownHosts(tmp_path / "known_hosts")).observe(fleet)
    assert "exit status 142 and printed: Please log in as admin." in str(seen.host("a").error)


def test_a_file_is_read_without_what_the_shell_prints_around_it(tmp_path: Path) -> None:
    path, text = tmp_path / "secret", bytes(range(256)) * 300
    path.write_bytes(text)
    with hosts(tmp_path, ("a",)) as (fleet, _):
        access = SshHosts(KnownHosts(tmp_path / "known_hosts"))
        assert access.read_file(fleet, "a", str(path)) == text
        with pytest.raises(HostError, match=r"cannot read .*No such file"):
            access.read_file(fleet, "a", str(tmp_path / "it's not there"))


@pytest.mark.parametrize("text", ["", "no key\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"])
def test_a_file_that_is_no_key_is_named(text: str, tmp_path: Path) -> None:
    with host(tmp_path, Ends(0)) as fleet:
        (tmp_path / "key").write_text(text)
        with pytest.raises(HostError) as caught:
            SshHosts(KnownHosts(tmp_path / "known_hosts")).read_file(fleet, "a", "/etc/hostname")
    assert caught.value.what == f"{tmp_path / 'key'} holds no private key that can be read"
    assert caught.value.hint == "check ssh.identity_file in fleet.yml"
