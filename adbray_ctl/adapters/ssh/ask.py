"""The one way to ask hosts: a command of `adbray_host`, what its answer is read as, all at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from adbray_ctl.adapters.host_package import arrival_text, host_package
from adbray_ctl.adapters.ssh.command import NOT_FOUND, Command, Request
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.adapters.ssh.login import session
from adbray_ctl.adapters.ssh.logins import Logins
from adbray_ctl.adapters.ssh.marks import PYTHON, python_words
from adbray_ctl.adapters.ssh.threads import AT_ONCE, as_they_come
from adbray_ctl.core.errors import HostError, HostKeyError, PythonError
from adbray_ctl.core.spec.fleet import Fleet

# A host's whole answer, Ray's included, must come within this many seconds of logging in.
ANSWER_S = 30.0

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Answer: TypeAlias = T | HostError
"""What a host answered, or why it gave no answer."""


@dataclass(frozen=True)
class Reply:
    """What a command printed; the times are this machine's, in seconds since the epoch."""

    host: str
    text: str
    asked_at: float = 0.0
    answered_at: float = 0.0

    def as_(self, model: type[M], **more: Any) -> M:
        """The JSON object that it is, and ``more``, as a model that names the host."""
        return model.model_validate({**json.loads(self.text), **more, "host": self.host})


@dataclass(frozen=True)
class Question(Generic[T]):
    """A command of `adbray_host`, and how its reply is read: by a function that may raise.

    Every user of the host can see ``words``: they must not be secrets, and all of them together
    must fit into 90 kB. The command can read ``stdin``, of any length.
    """

    command: str
    read: Callable[[Reply], T]
    words: tuple[str, ...] = ()
    stdin: str = ""
    within_s: float = ANSWER_S

    def answer(self, reply: Reply) -> T:
        """What the reply says. Raises HostError for one that cannot be read."""
        try:
            return self.read(reply)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            what = f"its answer is of another adbray: {place}: {first['msg']}"
            hint = "use the version of adbray that was used last on this host"
            raise HostError(what, where=reply.host, hint=hint) from error
        except (ValueError, TypeError, LookupError) as error:
            first_line = str(error).partition("\n")[0]
            what = f"its answer cannot be read: {first_line}"
            raise HostError(what, where=reply.host) from error


class Commands:
    """Commands on the fleet's hosts; keys are pinned and checked in the project's known_hosts.

    HostKeyError, of a host whose key is not the pinned one, is never tolerated.
    """

    def __init__(self, known_hosts: KnownHosts) -> None:
        self._known_hosts = known_hosts
        self._logins = Logins(known_hosts)

    def ask(
        self,
        fleet: Fleet,
        hosts: Sequence[str],
        question: Question[T] | Callable[[str], Question[T]],
        at_once: int = AT_ONCE,
    ) -> dict[str, Answer[T]]:
        """What each host answers, asked at once, in the order of ``hosts``."""
        each = self.ask_each(fleet, hosts, question, at_once)
        answers = dict(each)
        return {host: answers[host] for host in hosts}

    def ask_each(
        self,
        fleet: Fleet,
        hosts: Sequence[str],
        question: Question[T] | Callable[[str], Question[T]],
        at_once: int = AT_ONCE,
    ) -> Iterator[tuple[str, Answer[T]]]:
        """As `ask`, each host's answer as it comes."""

        def one(host: str) -> tuple[str, Answer[T]]:
            asked = question if isinstance(question, Question) else question(host)
            try:
                return host, self.answer(fleet, host, asked)
            except HostKeyError:
                raise
            except HostError as error:
                return host, error

        return as_they_come(one, hosts, at_once)

    def answer(self, fleet: Fleet, host: str, question: Question[T]) -> T:
        """What one host answers. Raises HostError."""
        words, stdin = question.words, question.stdin
        reply = self.reply(
            fleet, host, question.command, *words, stdin=stdin, within_s=question.within_s
        )
        return question.answer(reply)

    def reply(
        self,
        fleet: Fleet,
        host: str,
        command: str,
        *words: str,
        stdin: str = "",
        within_s: float = ANSWER_S,
    ) -> Reply:
        """What a command of `adbray_host` prints, run as root by the host's own python3.

        ``words`` and ``stdin`` are as in `Question`. Raises HostError.
        """
        with self._logins.to(fleet, host) as login:
            # The time to log in is not part of the span in which a host reads its clock.
            asked_at = time.time()
            request = _request(command, words, stdin)
            running = Command(login, host, request)
            running.close_input()
            found = running.outcome(within_s)
            answered_at = time.time()
        if found.status == NOT_FOUND:
            raise PythonError("python3 is not installed", where=host, hint="install python3")
        if found.status != 0:
            raise HostError(found.reason, where=host)
        return Reply(host, found.output.decode(errors="replace"), asked_at, answered_at)

    @contextmanager
    def lines_of(
        self, fleet: Fleet, host: str, command: str, *words: str, within_s: float | None = None
    ) -> Iterator[Iterator[str]]:
        """What a command of `adbray_host` prints, line by line, while the block runs.

        Its stdin ends with the block, and the lines when it ends; HostError if it fails, or if
        ``within_s`` are given and no line comes for so long: nothing else shows that a host lost
        its power.
        """
        with self.command(fleet, host, _request(command, words)) as running:
            yield running.lines(within_s)

    @contextmanager
    def command(self, fleet: Fleet, host: str, request: Request) -> Iterator[Command]:
        """Any command as root, while the block runs. Raises HostError."""
        with session(self._known_hosts, fleet, host) as login:
            yield Command(login, host, request)


def reading(model: type[M]) -> Callable[[Reply], M]:
    """Reads a JSON object as a model that names the host."""
    return lambda reply: reply.as_(model)


def one_line(error: HostError) -> str:
    """Why a host gave no answer, and what to do."""
    return f"{error.what}; {error.hint}" if error.hint else error.what


def _request(command: str, words: Sequence[str], stdin: str = "") -> Request:
    """Run a command of the package by the host's own python3; the package goes there if need be."""
    package = host_package()
    whole = (package.digest, str(len(package.data)), command, *words)
    return Request(PYTHON, python_words(arrival_text(), *whole), stdin.encode(), package.data)
