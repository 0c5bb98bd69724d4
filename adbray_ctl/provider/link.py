"""One host over SSH: a connection that is kept, and the host's gate at its other end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import paramiko

from adbray_ctl.provider.host_keys import PinnedKeys
from adbray_ctl.provider.model import HostAddress, HostFault, Slot, parse_slots

CONNECT_S = 5.0
# A host that answers may still let in slowly: PAM and name services take their time.
LOGIN_S = 45.0
LIST_S = 3.0
# systemd may take 45 s (the gate's SYSTEMD_S), and the gate a moment more.
CHANGE_S = 60.0
# sshd allows ten sessions a connection by default (MaxSessions); one is the watch.
_SESSIONS = 8
_LONGEST_ANSWER = 1 << 20


@dataclass(frozen=True)
class Login:
    """How the head logs in: nothing of it is secret but the content of ``key_file``."""

    user: str
    key_file: str
    known_hosts_file: str


class SshLink:
    """A host's gate. Thread-safe; after any failure the next call connects again."""

    def __init__(self, host: HostAddress, login: Login) -> None:
        self._host = host
        self._login = login
        self._lock = threading.Lock()
        self._client: paramiko.SSHClient | None = None
        self._watch: paramiko.Channel | None = None
        self._sessions = threading.BoundedSemaphore(_SESSIONS)

    def list(self) -> tuple[Slot, ...]:
        """All slots of the group on this host. Raises HostFault or SlotFault."""
        within_s = LIST_S if self._watch else LOGIN_S
        try:
            if self._watch is None:
                self._watch = self._open(self._connected(), "watch")
            self._watch.settimeout(within_s)
            self._watch.sendall(b"\n")
            return parse_slots(self._host.name, _answer(self._watch, within_s))
        except (paramiko.SSHException, OSError, EOFError, HostFault) as error:
            self.close()
            raise HostFault(self._explain(error, within_s)) from error

    def start(self, slot: str, *, least: bool = False) -> Slot:
        """Start a slot; gives it as it is then. Raises HostFault or SlotFault.

        Its group always has one that is of its ``least``: only a gate that gives turns knows that.
        """
        return self._change(f"start {slot} least" if least else f"start {slot}")

    def stop(self, instance: str) -> Slot:
        """Stop ``instance``, if that runs; gives its slot. Raises HostFault or SlotFault."""
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
                with self._session(request) as channel:
                    answer = _answer(channel, CHANGE_S)
            except (paramiko.SSHException, OSError, EOFError) as error:
                raise HostFault(self._explain(error, CHANGE_S)) from error
        return parse_slots(self._host.name, answer)

    @contextmanager
    def _session(self, request: str) -> Iterator[paramiko.Channel]:
        """A session beside the watch; where sshd allows one a connection, on one of its own."""
        try:
            channel = self._open(self._connected(), request)
        except paramiko.ChannelException:
            own = self._connect()
            try:
                yield self._open(own, request)
            finally:
                own.close()
            return
        try:
            yield channel
        finally:
            channel.close()

    def _connected(self) -> paramiko.SSHClient:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _open(self, client: paramiko.SSHClient, request: str) -> paramiko.Channel:
        transport = client.get_transport()
        if transport is None:
            raise EOFError("the connection is closed")
        channel = transport.open_session(timeout=LOGIN_S)
        channel.settimeout(LOGIN_S)
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
                banner_timeout=LOGIN_S,
                auth_timeout=LOGIN_S,
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
                return (
                    f"{where} does not let the head in within {LOGIN_S:g} s: see AllowUsers,"
                    " AllowGroups and DenyUsers in its sshd_config, and PAM"
                )
            case paramiko.ChannelException():
                return f"sshd of {where} refuses a session (MaxSessions): {error.text}"
            case TimeoutError():
                return f"no answer from {where} within {timeout_s:g} s"
        return f"cannot talk to {where}: {str(error) or type(error).__name__}"


def _answer(channel: paramiko.Channel, within_s: float) -> bytes:
    """The gate's line. What a login shell or sshrc prints around it is left out."""
    text, first, size = b"", b"", 0
    until = time.monotonic() + within_s
    while (left_s := until - time.monotonic()) > 0:
        channel.settimeout(left_s)
        part = channel.recv(65536)
        size += len(part)
        text += part
        *lines, text = text.split(b"\n")
        for line in lines:
            if _is_answer(line):
                return line
            first = first or line.strip()
        if not part or size > _LONGEST_ANSWER:
            said = first or text.strip()
            shown = f": it printed {said[:80].decode(errors='replace')!r}" if said else ""
            raise EOFError(f"its answer breaks off{shown}")
    raise TimeoutError


def _is_answer(line: bytes) -> bool:
    try:
        answer = json.loads(line)
    except ValueError:
        return False
    return isinstance(answer, dict) and ("slots" in answer or "error" in answer)
