"""A host to log in to: an SSH server in this process that runs commands on this machine."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
from paramiko.common import AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from adbray_ctl.core.spec.fleet import Fleet


class AnyKey(paramiko.ServerInterface):
    """Lets in whoever has a key."""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED


class Shell(AnyKey):
    """Runs each command as sshd does: its input ends with the connection."""

    def __init__(self, started: list[subprocess.Popen[bytes]]) -> None:
        self._started = started

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._run, args=(channel, command), daemon=True).start()
        return True

    def _run(self, channel: paramiko.Channel, command: bytes) -> None:
        pipe = subprocess.PIPE
        with subprocess.Popen(
            ["sh", "-c", command], stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
        ) as process:
            self._started.append(process)
            threading.Thread(target=_hand_in, args=(channel, process), daemon=True).start()
            assert process.stdout is not None
            assert process.stderr is not None
            while data := process.stdout.read(65536):
                try:
                    channel.sendall(data)
                except (OSError, EOFError):
                    break
            complaint = process.stderr.read()
        # A client may leave without waiting for this.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            channel.sendall_stderr(complaint)
            channel.send_exit_status(process.returncode)
            channel.close()


def _hand_in(channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    try:
        while data := channel.recv(65536):
            process.stdin.write(data)
        process.stdin.close()
    except (OSError, ValueError):  # The command has ended, and its input is closed.
        return


@contextmanager
def hosts(
    folder: Path,
    names: tuple[str, ...],
    shell: Callable[[list[subprocess.Popen[bytes]]], Shell] = Shell,
) -> Iterator[tuple[Fleet, list[subprocess.Popen[bytes]]]]:
    """A fleet whose hosts are all this machine, and what their shells started."""
    key = folder / "key"
    pair = paramiko.RSAKey.generate(2048)
    pair.write_private_key_file(str(key))
    started: list[subprocess.Popen[bytes]] = []
    served: list[paramiko.Transport] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    transport = paramiko.Transport(listening.accept()[0])
                except OSError:
                    return
                transport.add_server_key(pair)
                # With an event it does not wait: a client may leave before it has agreed on keys.
                transport.start_server(event=threading.Event(), server=shell(started))
                served.append(transport)

        threading.Thread(target=serve, daemon=True).start()
        ssh = {"user": "root", "port": port, "identity_file": str(key), "connect_timeout_s": 20}
        entries = [{"name": name, "address": "127.0.0.1"} for name in names]
        try:
            yield Fleet.model_validate({"kind": "Fleet", "ssh": ssh, "hosts": entries}), started
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            for transport in served:
                transport.close()
