"""One command as root on a host: what it printed, or the step at which the host did not do it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import paramiko

from adbray_ctl.adapters.ssh import refusals
from adbray_ctl.adapters.ssh.login import Login
from adbray_ctl.adapters.ssh.marks import Marked, Stage, command_line, new_mark, shown
from adbray_ctl.core.errors import HostError
from adbray_ctl.core.foreign import reason_in

# How long a login shell, and sudo, may take to begin a command.
_BEGIN_S = 30.0
NOT_FOUND = 127
LACKS = "lacks"
# What is left of stderr when stdout has ended is under way.
_REST_S = 5.0
_PART = 65536


@dataclass(frozen=True)
class Request:
    """``command`` is shell text and gets ``words`` as arguments; ``stdin`` is written to it.

    With an ``offer`` its first line says whether it `LACKS` that, which then comes first.
    """

    command: str
    words: Sequence[str] = ()
    stdin: bytes = b""
    offer: bytes = b""


@dataclass(frozen=True)
class Outcome:
    """How a command ended. ``complaint`` is what it wrote to stderr."""

    status: int
    output: bytes
    complaint: bytes

    @property
    def reason(self) -> str:
        """Why it failed, by what it wrote to stderr."""
        if self.status > 128:
            return f"it was ended by signal {self.status - 128}"
        said = reason_in(self.complaint.decode(errors="replace"))
        return shown(said.encode()) or f"exit status {self.status}"


class Command:
    """A command that begins on a host that was logged in to, and is root when it has begun.

    Raises HostError when the login shell does not run it, SudoError when it cannot be root.
    """

    def __init__(self, login: Login, host: str, request: Request) -> None:
        self._client, self._ssh, self._host = login.client, login.ssh, host
        mark = new_mark()
        self._out, self._errors = Marked(mark), Marked(mark)
        line = command_line(mark, request.command, request.words, sudo=login.ssh.user != "root")
        self._begin_s = max(_BEGIN_S, float(login.ssh.connect_timeout_s))
        self._channel = self._opened(line, login.channel)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._begin()
        if request.offer and self._lacks():
            self._hand_over(request.offer)
        self._hand_over(request.stdin)

    def _opened(self, line: str, channel: paramiko.Channel | None) -> paramiko.Channel:
        transport = self._client.get_transport()
        began = time.monotonic()
        try:
            with _connected(self._host):
                assert transport is not None
                channel = channel or transport.open_session(timeout=self._begin_s)
                channel.settimeout(self._begin_s)
                channel.exec_command(line)
                return channel
        except (TimeoutError, HostError) as error:
            if isinstance(error, TimeoutError) or time.monotonic() - began >= self._begin_s:
                self._silent(self._slow())
            if isinstance(error.__cause__, paramiko.ChannelException):
                what = f"sshd there refuses a session: {error.__cause__.text}"
                hint = "see MaxSessions in its sshd_config"
                raise HostError(what, where=self._host, hint=hint) from error
            raise

    def outcome(self, within_s: float) -> Outcome:
        """Wait for its end, ``within_s`` seconds at most, and end its session. Raises HostError."""
        deadline = time.monotonic() + within_s
        while self._out.status is None:
            silence = f"no answer within {within_s:g} s of logging in"
            if not self._receive(max(deadline - time.monotonic(), 0.0), silence):
                raise HostError("the command was killed, or the connection broke", where=self._host)
        self._listener.join(_REST_S)
        with _connected(self._host):
            self._channel.close()
        return Outcome(self._out.status, bytes(self._out.output), bytes(self._errors.output))

    def lines(self, within_s: float | None) -> Iterator[str]:
        """What it prints, line by line, until it ends. Raises HostError if it fails.

        Also if no line comes for ``within_s`` seconds: nothing else shows that a host has no power.
        """
        while self._out.status is None:
            yield from self._out.lines()
            if not self._receive(within_s, "it went silent"):
                raise HostError("the connection broke", where=self._host)
        yield from self._out.lines()
        self._listener.join(_REST_S)
        if self._out.status != 0:
            outcome = Outcome(self._out.status, b"", bytes(self._errors.output))
            raise HostError(outcome.reason, where=self._host)

    def _begin(self) -> None:
        deadline = time.monotonic() + self._begin_s
        while self._out.stage is not Stage.COMMAND:
            left = max(deadline - time.monotonic(), 0.0)
            if not self._receive(left, self._slow()):
                self._refused_by_shell()
            if self._out.stage is Stage.SUDO and self._out.status is not None:
                self._refused_by_sudo(self._out.status)

    def _lacks(self) -> bool:
        """Whether it needs what is offered; not if it has ended: its outcome says why."""
        deadline = time.monotonic() + self._begin_s
        silence = f"its Python did not start within {self._begin_s:g} s"
        while (line := self._out.line()) is None:
            ended = self._out.status is not None
            if ended or not self._receive(max(deadline - time.monotonic(), 0.0), silence):
                return False
        return line.strip() == LACKS

    def _receive(self, within_s: float | None, silence: str) -> bool:
        """Whether anything came; False when there is nothing more."""
        if within_s == 0.0:
            self._silent(silence)
        self._channel.settimeout(within_s)
        try:
            with _connected(self._host):
                data = self._channel.recv(_PART)
        except TimeoutError:
            self._silent(silence)
        self._out.feed(data)
        return bool(data)

    def _silent(self, what: str) -> NoReturn:
        user, host = self._ssh.user, self._host
        raise refusals.silence(what, self._out.stage, user=user, host=host, begin_s=self._begin_s)

    def _slow(self) -> str:
        """What has not come, for a message."""
        said = shown(self._out.before + bytes(self._out.output))
        return refusals.slowness(self._out.stage, self._begin_s, said)

    def _refused_by_shell(self) -> NoReturn:
        self._listener.join(_REST_S)
        ended_itself = self._channel.status_event.wait(_REST_S)
        status = self._channel.recv_exit_status() if ended_itself else -1
        said = shown(self._out.before + bytes(self._out.output)) or shown(
            self._errors.before + bytes(self._errors.output)
        )
        raise refusals.no_shell(status, said, user=self._ssh.user, host=self._host)

    def _refused_by_sudo(self, status: int) -> NoReturn:
        self._listener.join(_REST_S)
        if status == NOT_FOUND:
            raise refusals.sudo_missing(self._host)
        complaint = Outcome(status, b"", bytes(self._errors.output)).reason
        works = _works_on_a_terminal(self._client, self._channel)
        raise refusals.no_sudo(complaint, user=self._ssh.user, host=self._host, on_terminal=works)

    def _hand_over(self, stdin: bytes) -> None:
        """Write it all, unless the command ends first: what it has said then says why."""
        if not stdin:
            return
        try:
            self._channel.sendall(stdin)
        except TimeoutError as error:
            raise HostError(
                "the command does not read its standard input", where=self._host
            ) from error
        except OSError:
            pass

    def close_input(self) -> None:
        """The end of what the command can read."""
        with _connected(self._host):
            self._channel.shutdown_write()

    def _listen(self) -> None:
        """Read stderr beside stdout: a shell that waits for its reader would never end."""
        try:
            while self._errors.status is None and (data := self._channel.recv_stderr(_PART)):
                self._errors.feed(data)
        except (OSError, EOFError):
            return


@contextmanager
def _connected(host: str) -> Iterator[None]:
    """HostError for whatever a connection can die of, but for silence."""
    try:
        yield
    except TimeoutError:
        raise
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise HostError(f"the connection broke: {error}", where=host) from error


def _works_on_a_terminal(client: paramiko.SSHClient, ended: paramiko.Channel) -> bool:
    """Whether sudo does, of which ``ended`` is the first try."""
    try:
        transport = client.get_transport()
        assert transport is not None
        ended.close()
        channel = transport.open_session(timeout=_REST_S)
        channel.settimeout(_REST_S)
        channel.get_pty()
        channel.exec_command("sudo -n true")
        return channel.status_event.wait(_REST_S) and channel.recv_exit_status() == 0
    except (paramiko.SSHException, OSError, EOFError):
        return False
