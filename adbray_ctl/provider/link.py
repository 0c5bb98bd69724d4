"""One host over SSH: a connection that is kept, and the host's gate at its other end."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import paramiko

from adbray_ctl.provider.host_keys import PinnedKeys
from adbray_ctl.provider.model import HostAddress, HostFault, Slot, parse_slots

CONNECT_S = 5.0
LIST_S = 3.0
# systemd may take 45 s (the gate's SYSTEMD_S), and the gate a moment more.
CHANGE_S = 60.0
# sshd allows ten sessions a connection (MaxSessions); one is the watch.
_SESSIONS = 8
_LONGEST_ANSWER = 1 << 20


@dataclass(frozen=True)
class Login:
    """How the head logs in: nothing of it is secret but the content of ``key_file``."""

    user: str
    key_file: str
    known_hosts_file: str


class SshLink:
    """A host's gate. Thread-safe; after any failure the next call connects anew."""

    def __init__(self, host: HostAddress, login: Login) -> None:
        self._host = host
        self._login = login
        self._lock = threading.Lock()
        self._client: paramiko.SSHClient | None = None
        self._watch: paramiko.Channel | None = None
        self._sessions = threading.BoundedSemaphore(_SESSIONS)

    def list(self) -> tuple[Slot, ...]:
        """All slots of the group on this host. Raises HostFault or SlotFault."""
        try:
            if self._watch is None:
                self._watch = self._open("watch", LIST_S)
            self._watch.sendall(b"\n")
            return parse_slots(self._host.name, _read_line(self._watch))
        except (paramiko.SSHException, OSError, EOFError, HostFault) as error:
            self.close()
            raise HostFault(self._explain(error, LIST_S)) from error

    def start(self, slot: str) -> Slot:
        """Start a slot and tell what it is then. Raises HostFault or SlotFault."""
        return self._change(f"start {slot}")

    def stop(self, instance: str) -> Slot:
        """Stop what runs, if it is ``instance``, and tell. Raises HostFault or SlotFault."""
        return self._change(f"stop {instance}")

    def rest(self) -> None:
        """Have the host start nothing more for a while. Raises SlotFault if anything runs there."""
        self._request("rest")

    def close(self) -> None:
        with self._lock:
            client, self._client, self._watch = self._client, None, None
        if client is not None:
            client.close()

    def _change(self, request: str) -> Slot:
        (slot,) = self._request(request)
        return slot

    def _request(self, request: str) -> tuple[Slot, ...]:
        with self._sessions:
            try:
                channel = self._open(request, CHANGE_S)
                try:
                    answer = _read_line(channel)
                finally:
                    channel.close()
            except (paramiko.SSHException, OSError, EOFError) as error:
                raise HostFault(self._explain(error, CHANGE_S)) from error
        return parse_slots(self._host.name, answer)

    def _open(self, request: str, timeout_s: float) -> paramiko.Channel:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            transport = self._client.get_transport()
        if transport is None:
            raise EOFError("the connection is closed")
        channel = transport.open_session(timeout=CONNECT_S)
        channel.settimeout(timeout_s)
        channel.exec_command(request)
        return channel

    def _connect(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        try:
            host = self._host
            pinned = PinnedKeys(self._login.known_hosts_file, host.address, host.port)
            client.set_missing_host_key_policy(pinned)
            client.connect(
                self._host.address,
                port=self._host.port,
                username=self._login.user,
                key_filename=self._login.key_file,
                allow_agent=False,
                look_for_keys=False,
                timeout=CONNECT_S,
                banner_timeout=CONNECT_S,
                auth_timeout=CONNECT_S,
                transport_factory=pinned.transport,
            )
            transport = client.get_transport()
            if transport is not None:
                transport.set_keepalive(15)
        except BaseException:
            client.close()
            raise
        return client

    def _explain(self, error: Exception, timeout_s: float) -> str:
        where = f"{self._login.user}@{self._host.address}:{self._host.port}"
        match error:
            case HostFault():
                return str(error)
            case paramiko.BadHostKeyException():
                return f"the host key of {where} is not the pinned one"
            case paramiko.AuthenticationException():
                return f"{where} refuses the head's key"
            case TimeoutError():
                return f"no answer from {where} within {timeout_s:g} s"
        return f"cannot talk to {where}: {str(error) or type(error).__name__}"


def _read_line(channel: paramiko.Channel) -> bytes:
    """One line; an answer that ends without one, or has no end, is an error."""
    answer = b""
    while not answer.endswith(b"\n"):
        part = channel.recv(65536)
        if not part or len(answer) > _LONGEST_ANSWER:
            raise EOFError("its answer breaks off")
        answer += part
    return answer
