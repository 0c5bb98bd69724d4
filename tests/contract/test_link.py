"""The head's link to a host's gate, over real SSH, where sshd is strict or a shell prints."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest
from paramiko.common import OPEN_FAILED_CONNECT_FAILED, OPEN_SUCCEEDED

from adbray_ctl.provider import link as links
from adbray_ctl.provider.link import Login, SshLink
from adbray_ctl.provider.model import HostAddress, HostFault, SlotFault, SlotState
from tests.contract.ssh_server import AnyKey

SLOT = {"slot": "w-0", "worker_group": "w", "start": "1", "held": False, "detail": ""}


class Sshd(AnyKey):
    """A gate behind a login shell that prints, and ``most`` sessions in each connection.

    With ``every_s`` the shell prints again after that time, without end.
    """

    def __init__(self, noise: bytes, most: int, answer: str, every_s: float | None) -> None:
        self._noise, self._most, self._answer = noise, most, answer
        self._every_s = every_s
        self._open: list[paramiko.Channel] = []

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self._open = [one for one in self._open if not one.closed]
        return OPEN_SUCCEEDED if len(self._open) < self._most else OPEN_FAILED_CONNECT_FAILED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._open.append(channel)
        # After the reply to the request itself, as a program takes its time to begin.
        threading.Timer(0.2, self._serve, (channel, command)).start()
        return True

    def _serve(self, channel: paramiko.Channel, command: bytes) -> None:
        # A client may leave without waiting for this.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            channel.sendall(self._noise)
            while self._every_s is not None:
                time.sleep(self._every_s)
                channel.sendall(self._noise)
            if command == b"watch":
                while channel.recv(1):
                    channel.sendall(self._answer.encode() + b"\n")
            elif self._answer:
                channel.sendall(self._answer.encode() + b"\n")
            channel.send_exit_status(0)
            channel.close()


@contextmanager
def host(
    folder: Path,
    noise: bytes = b"",
    most: int = 10,
    answer: str | None = None,
    every_s: float | None = None,
) -> Iterator[tuple[SshLink, list[Sshd]]]:
    """A link to such a host, and one server for each connection that was made."""
    key = folder / "key"
    pair = paramiko.RSAKey.generate(2048)
    pair.write_private_key_file(str(key))
    text = json.dumps({"slots": [{**SLOT, "state": "running"}]}) if answer is None else answer
    served: list[Sshd] = []
    transports: list[paramiko.Transport] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        known = folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {pair.get_name()} {pair.get_base64()}\n")

        def serve() -> None:
            while True:
                try:
                    transport = paramiko.Transport(listening.accept()[0])
                except OSError:
                    return
                transport.add_server_key(pair)
                served.append(Sshd(noise, most, text, every_s))
                # With an event it does not wait: a client may leave before it has agreed on keys.
                transport.start_server(event=threading.Event(), server=served[-1])
                transports.append(transport)

        threading.Thread(target=serve, daemon=True).start()
        link = SshLink(HostAddress("a", "127.0.0.1", port), Login("u", str(key), str(known)))
        try:
            yield link, served
        finally:
            link.close()
            listening.shutdown(socket.SHUT_RDWR)
            for transport in transports:
                transport.close()


def test_with_one_session_a_connection_a_start_has_a_connection_of_its_own(tmp_path: Path) -> None:
    with host(tmp_path, most=1) as (link, served):
        for _ in range(3):
            assert link.list()[0].state is SlotState.RUNNING
            assert link.start("w-0").name == "w-0"
        assert len(served) == 4, "the watch stays on the first"


def test_with_more_sessions_one_connection_does(tmp_path: Path) -> None:
    with host(tmp_path) as (link, served):
        link.list()
        link.start("w-0")
        link.start("w-0")
        assert len(served) == 1


NOISE = (b"Welcome\n", b'{}\n[]\n{"a": 1}\n', b"\xff\n", b"x" * 200_000 + b"\n")


@pytest.mark.parametrize("noise", NOISE)
def test_the_gates_answer_is_found_behind_what_a_shell_prints(tmp_path: Path, noise: bytes) -> None:
    with host(tmp_path, noise) as (link, _):
        assert [slot.name for slot in link.list()] == ["w-0"]
        assert [slot.name for slot in link.list()] == ["w-0"]
        assert link.start("w-0").state is SlotState.RUNNING


def test_a_refusal_behind_noise_is_the_gates_own(tmp_path: Path) -> None:
    refusal = json.dumps({"error": "no such slot", "resting": False})
    with (
        host(tmp_path, b"Welcome\n", answer=refusal) as (link, _),
        pytest.raises(SlotFault, match="no such slot"),
    ):
        link.start("w-0")


def test_a_host_that_is_no_gate_is_quoted(tmp_path: Path) -> None:
    with (
        host(tmp_path, b"This account is not available\n", answer="") as (link, _),
        pytest.raises(HostFault, match="it printed 'This account is not available'"),
    ):
        link.start("w-0")


def test_a_host_without_sessions_says_so(tmp_path: Path) -> None:
    with host(tmp_path, most=0) as (link, _), pytest.raises(HostFault, match="MaxSessions"):
        link.start("w-0")


@pytest.mark.parametrize(
    ("noise", "every_s", "within_s", "message"),
    [
        (b"x" * 65_535 + b"\n", 0.0, 60.0, "its answer breaks off: it printed 'xxx"),
        (b"x\n", 0.1, 4.0, "no answer from .* within 4 s"),
    ],
)
def test_a_shell_that_prints_without_end_does_not_hold_the_head(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    noise: bytes,
    every_s: float,
    within_s: float,
    message: str,
) -> None:
    monkeypatch.setattr(links, "LOGIN_S", within_s)
    monkeypatch.setattr(links, "CHANGE_S", within_s)
    with host(tmp_path, noise, every_s=every_s) as (link, _):
        for ask in (link.list, lambda: link.start("w-0")):
            with pytest.raises(HostFault, match=message):
                ask()
