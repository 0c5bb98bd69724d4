"""Plain SSH to the hosts: scripts run on all of them at once, and single files read."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import paramiko
from pydantic import BaseModel, ValidationError

from adbray_ctl.adapters.host_package import arrival_text, host_package
from adbray_ctl.adapters.ssh.command import NOT_FOUND, Command, Request
from adbray_ctl.adapters.ssh.known_hosts import KnownHosts
from adbray_ctl.adapters.ssh.login import session
from adbray_ctl.adapters.ssh.marks import PYTHON, python_words
from adbray_ctl.adapters.ssh.threads import everywhere
from adbray_ctl.core.errors import HostError, HostKeyError, PythonError, SudoError
from adbray_ctl.core.observed.gpus import BurnIn
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.preflight.fixes import FixOutcome, FixResult, HostFixes, HostFixResults
from adbray_ctl.core.preflight.readings import Check, HostAnswer, HostReadings, Silence
from adbray_ctl.core.preflight.system import INOTIFY_LIMITS
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.ssh import Ssh

M = TypeVar("M", bound=BaseModel)

# At most this many hosts are asked at a time.
# A host's whole answer, Ray's included, must come within this many seconds of logging in.
_ANSWER_S = 30.0
_MOST_CARDS = 16


class SshHosts:
    """HostAccess over paramiko; keys are pinned and checked in the project's known_hosts."""

    def __init__(self, known_hosts: KnownHosts) -> None:
        self._known_hosts = known_hosts

    def observe(self, fleet: Fleet, hosts: Sequence[str] | None = None) -> Observed:
        asked = [host for host in fleet.hosts if hosts is None or host.name in hosts]
        names = [host.name for host in sorted(asked, key=lambda host: host.retired)]
        answers = everywhere(lambda name: self._observe_one(fleet, name), names)
        return Observed(hosts=answers)

    def read_hosts(self, fleet: Fleet) -> tuple[HostAnswer, ...]:
        names = [host.name for host in fleet.hosts]
        return everywhere(lambda name: self._read_one(fleet, name), names)

    def burn_in(self, fleet: Fleet, hosts: Sequence[str], seconds: float) -> tuple[BurnIn, ...]:
        # One card after the other.
        within_s = _ANSWER_S + seconds * _MOST_CARDS

        def burn(host: str) -> BurnIn:
            try:
                output = self.run(fleet, host, "cuda", f"{seconds:g}", within_s=within_s)
                return _parse(BurnIn, output, host)
            except HostKeyError:
                raise
            except HostError as error:
                return BurnIn(host=host, error=_one_line(error))

        return everywhere(burn, hosts)

    def fix_hosts(self, fleet: Fleet, wanted: Sequence[HostFixes]) -> tuple[HostFixResults, ...]:
        return everywhere(lambda one: self._fix_one(fleet, one), wanted)

    def read_file(self, fleet: Fleet, host: str, path: str) -> bytes:
        with self.command(fleet, host, Request('cat -- "$1"', (path,))) as command:
            found = command.outcome(_ANSWER_S)
        if found.status != 0:
            raise HostError(f"cannot read {path}: {found.reason}", where=host)
        return found.output

    def run(
        self,
        fleet: Fleet,
        host: str,
        command: str,
        *arguments: str,
        stdin: str = "",
        within_s: float = _ANSWER_S,
    ) -> str:
        """What a command of `adbray_host` prints, run as root; raises HostError.

        It can read ``stdin``, of any length. The arguments can be seen by every user of the host:
        they must not be secrets; and all of them together must fit into 90 kB.
        """
        with self._session(fleet, host) as (client, ssh):
            return _run(client, ssh, host, command, *arguments, stdin=stdin, within_s=within_s)

    @contextmanager
    def lines_of(
        self, fleet: Fleet, host: str, command: str, *arguments: str, within_s: float | None = None
    ) -> Iterator[Iterator[str]]:
        """What a command of `adbray_host` prints, line by line, while the block runs.

        Its stdin ends with the block, and the lines when it ends; HostError if it fails, or if
        ``within_s`` are given and no line comes for so long: nothing else shows that a host lost
        its power. The arguments can be seen by every user of the host.
        """
        with self.command(fleet, host, _request(command, arguments)) as running:
            yield running.lines(within_s)

    @contextmanager
    def command(self, fleet: Fleet, host: str, request: Request) -> Iterator[Command]:
        """Any command as root, while the block runs; raises HostError."""
        with self._session(fleet, host) as (client, ssh):
            yield Command(client, ssh, host, request)

    def _observe_one(self, fleet: Fleet, host: str) -> HostObservation:
        try:
            with self._session(fleet, host) as (client, ssh):
                output = _run(client, ssh, host, "observe")
            return _parse(HostObservation, output, host)
        except HostKeyError:
            raise
        except HostError as error:
            return HostObservation(host=host, error=_one_line(error))

    def _read_one(self, fleet: Fleet, host: str) -> HostAnswer:
        disk = fleet.disk_of(host)
        wanted = {
            "names": [one.address for one in fleet.hosts if _is_name(one.address)],
            "path": disk.path,
            "spill_path": disk.spill_path,
        }
        argument = json.dumps(wanted)
        try:
            with self._session(fleet, host) as (client, ssh):
                # Logging in is no part of the span in which the host reads its clock.
                asked_at = time.time()
                output = _run(client, ssh, host, "preflight", argument)
                answered_at = time.time()
            return HostAnswer(
                host=host,
                asked_at=asked_at,
                answered_at=answered_at,
                readings=_parse(HostReadings, output, host),
            )
        except HostKeyError:
            raise
        except HostError as error:
            silence = Silence(check=_step(error), what=error.what, hint=error.hint or "")
            return HostAnswer(host=host, silence=silence)

    def _fix_one(self, fleet: Fleet, wanted: HostFixes) -> HostFixResults:
        fixes = {"fixes": list(wanted.fixes), "sysctls": dict(INOTIFY_LIMITS)}
        argument = json.dumps(fixes)
        try:
            with self._session(fleet, wanted.host) as (client, ssh):
                output = _run(client, ssh, wanted.host, "fix", argument)
            return _parse(HostFixResults, output, wanted.host)
        except HostKeyError:
            raise
        except HostError as error:
            failed = FixOutcome.FAILED
            why = _one_line(error)
            results = (FixResult(fix=fix, outcome=failed, detail=why) for fix in wanted.fixes)
            return HostFixResults(host=wanted.host, results=tuple(results))

    def _session(
        self, fleet: Fleet, host: str
    ) -> AbstractContextManager[tuple[paramiko.SSHClient, Ssh]]:
        return session(self._known_hosts, fleet, host)


def _request(command: str, arguments: Sequence[str], stdin: str = "") -> Request:
    """Run a command of the package by the host's own python3; the package goes there if need be."""
    package = host_package()
    words = (package.digest, str(len(package.data)), command, *arguments)
    return Request(PYTHON, python_words(arrival_text(), *words), stdin.encode(), package.data)


def _run(
    client: paramiko.SSHClient,
    ssh: Ssh,
    host: str,
    command: str,
    *arguments: str,
    stdin: str = "",
    within_s: float = _ANSWER_S,
) -> str:
    """What a command prints under the host's python3 as root. Raises HostError."""
    running = Command(client, ssh, host, _request(command, arguments, stdin))
    running.close_input()
    found = running.outcome(within_s)
    if found.status == NOT_FOUND:
        raise PythonError("python3 is not installed", where=host, hint="install python3")
    if found.status != 0:
        raise HostError(found.reason, where=host)
    return found.output.decode(errors="replace")


def _parse(model: type[M], output: str, host: str) -> M:
    try:
        return model.model_validate({**json.loads(output), "host": host})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        what = f"its answer is of another adbray: {place}: {first['msg']}"
        hint = "use the version of adbray that was used last on this host"
        raise HostError(what, where=host, hint=hint) from error
    except (ValueError, TypeError) as error:
        raise HostError(f"its answer cannot be read: {error}", where=host) from error


def _step(error: HostError) -> Check:
    """What a host failed at when it gave no answer."""
    match error:
        case SudoError():
            return Check.SUDO
        case PythonError():
            return Check.PYTHON
        case _:
            return Check.SSH


def _one_line(error: HostError) -> str:
    return f"{error.what}; {error.hint}" if error.hint else error.what


def _is_name(address: str) -> bool:
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        return True
    return False
