"""The marks around a command's output, and how they are found in what a host sends.

A login shell may print before and after the command: greetings, warnings, whole menus. The command
therefore prints marks that nobody else can print, since they are drawn anew for each call.
"""

from __future__ import annotations

import base64
import re
import secrets
import shlex
import zlib
from collections.abc import Iterator, Sequence
from enum import IntEnum

# The login shell, whichever it is, only has to run `sh` with quoted words. They have no line ends
# and no `!`, which csh would not take. $0 is the mark; stderr has the same marks as stdout.
_MARK = 'echo; echo "$0 {0}"; echo >&2; echo "$0 {0}" >&2; '
_AT_LOGIN = "export LC_ALL=C; " + _MARK.format("login")
_AT_END = '; s=$?; echo >&2; echo "$0 end" >&2; echo; echo "$0 end $s"'
# The address of the connection is the last word: sudo would take it from the environment.
_RUN = 'sh -c "$@" "$SSH_CONNECTION"'
_AS_ROOT = _MARK.format("root")
# A program's text, in letters that every shell leaves alone, and what it gets as arguments.
PYTHON = '/usr/bin/env python3 -I -c "$@"'
BOOT = "import base64, sys, zlib; exec(zlib.decompress(base64.b64decode(sys.argv.pop(1))))"
_SHOWN = 160
_MOST_BEFORE = 4096


class Stage(IntEnum):
    """How far a command has come."""

    SHELL = 0
    """The login shell has not begun it."""
    SUDO = 1
    """It has begun, and is not root yet."""
    COMMAND = 2
    """It runs as root."""


def new_mark() -> str:
    """A mark that is used once."""
    return f"adbray-{secrets.token_hex(8)}"


def command_line(mark: str, command: str, words: Sequence[str], *, sudo: bool) -> str:
    """What the login shell is asked to run: ``command``, shell text, with ``words`` as root."""
    run = f"sudo -n {_RUN}" if sudo else _RUN
    outer = _AT_LOGIN + run + _AT_END
    inner = f"{_AS_ROOT}exec {command}"
    return shlex.join(["sh", "-c", outer, mark, inner, mark, *words])


def python_words(text: str, *words: str) -> tuple[str, ...]:
    """What `PYTHON` gets to run ``text`` with ``words``, of which the last is the connection."""
    return (BOOT, base64.b64encode(zlib.compress(text.encode())).decode(), *words)


class Marked:
    """One of the two streams of a command, as it comes in.

    ``before`` is the beginning of what came before the present stage, ``output`` what came in it.
    ``status`` is the exit status once the command has ended, in whichever stage.
    """

    def __init__(self, mark: str) -> None:
        self.stage = Stage.SHELL
        self.status: int | None = None
        self.before = b""
        self.output = bytearray()
        self._begins = {
            stage: f"\n{mark} {word}\n".encode()
            for stage, word in ((Stage.SHELL, "login"), (Stage.SUDO, "root"))
        }
        self._last = f"\n{mark} end".encode()
        self._end = re.compile(rb"\n?^%s end ?(\d*)\n" % mark.encode(), re.MULTILINE)
        self._longest = len(self._last) + 8

    def feed(self, data: bytes) -> None:
        """Take what came in."""
        seen = max(len(self.output) - self._longest, 0)
        self.output += data
        while (token := self._begins.get(self.stage)) and (at := self.output.find(token)) >= 0:
            del self.output[: at + len(token)]
            self.stage, self.before, seen = Stage(self.stage + 1), b"", 0
        if self.stage is not Stage.SHELL and (end := self._end.search(self.output, seen)):
            self.status = int(end[1] or 0)
            del self.output[end.start() :]
        if self.stage is Stage.SHELL and len(self.output) > self._longest:
            # A shell may print for ever.
            self.before = (self.before + self.output)[:_MOST_BEFORE]
            del self.output[: -self._longest]

    def line(self) -> str | None:
        """The first line of the output, taken out; None before it has come whole."""
        at = self.output.find(b"\n")
        # The mark of the end begins with a line end.
        return self._taken(at + 1) if at > 0 else None

    def lines(self) -> Iterator[str]:
        """The whole lines that the command has printed, taken out; all that is left at its end."""
        while (at := self.output.find(b"\n")) >= 0:
            # The mark of the end comes after a line end of its own.
            head = bytes(self.output[: len(self._last)])
            if at == 0 and self.status is None and self._last.startswith(head):
                return
            yield self._taken(at + 1)
        if self.status is not None and self.output:
            yield self._taken(len(self.output))

    def _taken(self, count: int) -> str:
        line = self.output[:count].decode(errors="replace")
        del self.output[:count]
        return line


def shown(text: bytes) -> str:
    """The first line with text in it, cut to what fits into a message."""
    lines = [" ".join(line.replace("\0", "").split()) for line in _lines(text)]
    lines = [line for line in lines if line]
    if not lines:
        return ""
    line = lines[0]
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."


def _lines(text: bytes) -> list[str]:
    return text.decode(errors="replace").splitlines()
