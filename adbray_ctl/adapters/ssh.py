"""Plain SSH to the hosts: scripts run on all of them at once, and single files read."""

from __future__ import annotations

import ipaddress
import json
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import paramiko
from pydantic import BaseModel, ValidationError

from adbray_ctl.adapters.host_scripts import host_script, reading_script
from adbray_ctl.adapters.known_hosts import KnownHosts
from adbray_ctl.adapters.ssh_login import session
from adbray_ctl.core.errors import HostError, HostKeyError, PythonError, SudoError
from adbray_ctl.core.gpus import BurnIn
from adbray_ctl.core.observed import HostObservation, Observed
from adbray_ctl.core.preflight import INOTIFY_LIMITS
from adbray_ctl.core.readings import (
    Check,
    FixOutcome,
    FixResult,
    HostAnswer,
    HostFixes,
    HostFixResults,
    HostReadings,
    Silence,
)
from adbray_ctl.core.spec_fleet import Fleet
from adbray_ctl.core.spec_ssh import Ssh

T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M", bound=BaseModel)

# At most this many hosts are asked at a time.
PARALLEL = 32
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
        script = reading_script("probe_script.py")
        answers = everywhere(lambda name: self._observe_one(fleet, name, script), names)
        return Observed(hosts=answers)

    def read_hosts(self, fleet: Fleet) -> tuple[HostAnswer, ...]:
        script = reading_script("check_script.py")
        names = [host.name for host in fleet.hosts]
        return everywhere(lambda name: self._read_one(fleet, name, script), names)

    def burn_in(self, fleet: Fleet, hosts: Sequence[str], seconds: float) -> tuple[BurnIn, ...]:
        script = host_script("cuda_script.py")
        # One card after the other.
        within_s = _ANSWER_S + seconds * _MOST_CARDS

        def burn(host: str) -> BurnIn:
            try:
                output = self.run_python(fleet, host, script, f"{seconds:g}", within_s=within_s)
                return _parse(BurnIn, output.encode(), host)
            except HostKeyError:
                raise
            except HostError as error:
                return BurnIn(host=host, error=_one_line(error))

        return everywhere(burn, hosts)

    def fix_hosts(self, fleet: Fleet, wanted: Sequence[HostFixes]) -> tuple[HostFixResults, ...]:
        script = host_script("fix_script.py")
        return everywhere(lambda one: self._fix_one(fleet, one, script), wanted)

    def read_file(self, fleet: Fleet, host: str, path: str) -> bytes:
        with self._session(fleet, host) as (client, ssh):
            command = f"cat {shlex.quote(path)}"
            status, output, errors = _execute(client, _as_root(ssh, command), b"", host)
        if status != 0:
            raise HostError(f"cannot read {path}: {errors.strip()}", where=host)
        return output

    def run_python(
        self, fleet: Fleet, host: str, script: str, *arguments: str, within_s: float = _ANSWER_S
    ) -> str:
        """What ``script`` prints, run as root by the host's own python3; raises HostError.

        The arguments can be seen by every user of the host: they must not be secrets.
        """
        with self._session(fleet, host) as (client, ssh):
            words = " ".join(shlex.quote(argument) for argument in arguments)
            command = _as_root(ssh, f"/usr/bin/env python3 - {words}")
            status, output, errors = _execute(client, command, script.encode(), host, within_s)
        if status != 0:
            last = errors.strip().splitlines()[-1:] or [f"exit status {status}"]
            raise HostError(last[0], where=host)
        return output.decode()

    @contextmanager
    def lines_of(
        self, fleet: Fleet, host: str, script: str, *arguments: str, within_s: float | None = None
    ) -> Iterator[Iterator[str]]:
        """What ``script`` prints, line by line, while the block runs; its stdin ends with it.

        As root, by the host's own python3. The lines end when the script does; HostError if it
        fails, or if ``within_s`` are given and no line comes for so long: nothing else tells of a
        host that lost its power. Script and arguments can be seen by every user of the host.
        """
        words = " ".join(shlex.quote(word) for word in (script, *arguments))
        with self._session(fleet, host) as (client, ssh):
            command = _as_root(ssh, f"/usr/bin/env python3 -c {words}")
            silence = "it went silent"
            with _connected(host, silence):
                _, out, errors = client.exec_command(command, timeout=within_s)

            def lines() -> Iterator[str]:
                with _connected(host, silence):
                    yield from out
                    if out.channel.recv_exit_status() == 0:
                        return
                    complaint = errors.read().decode(errors="replace")
                last = complaint.strip().splitlines()[-1:]
                raise HostError(last[0] if last else "the script failed", where=host)

            yield lines()

    def _observe_one(self, fleet: Fleet, host: str, script: str) -> HostObservation:
        try:
            with self._session(fleet, host) as (client, ssh):
                output = _run_script(client, ssh, host, script, '"$SSH_CONNECTION"')
            return _parse(HostObservation, output, host)
        except HostKeyError:
            raise
        except HostError as error:
            return HostObservation(host=host, error=_one_line(error))

    def _read_one(self, fleet: Fleet, host: str, script: str) -> HostAnswer:
        disk = fleet.disk_of(host)
        wanted = {
            "names": [one.address for one in fleet.hosts if _is_name(one.address)],
            "path": disk.path,
            "spill_path": disk.spill_path,
        }
        argument = shlex.quote(json.dumps(wanted))
        try:
            with self._session(fleet, host) as (client, ssh):
                # Logging in is no part of the span in which the host reads its clock.
                asked_at = time.time()
                output = _run_script(client, ssh, host, script, argument)
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

    def _fix_one(self, fleet: Fleet, wanted: HostFixes, script: str) -> HostFixResults:
        fixes = {"fixes": list(wanted.fixes), "sysctls": dict(INOTIFY_LIMITS)}
        argument = shlex.quote(json.dumps(fixes))
        try:
            with self._session(fleet, wanted.host) as (client, ssh):
                output = _run_script(client, ssh, wanted.host, script, argument)
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


def _as_root(ssh: Ssh, command: str) -> str:
    return command if ssh.user == "root" else f"sudo -n {command}"


@contextmanager
def _connected(host: str, silence: str) -> Iterator[None]:
    """HostError for whatever a connection can die of; ``silence`` says that nothing comes."""
    try:
        yield
    except TimeoutError as error:
        hint = "look at the host's load and disks"
        raise HostError(silence, where=host, hint=hint) from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise HostError(f"the connection broke: {error}", where=host) from error


def _execute(
    client: paramiko.SSHClient, command: str, stdin: bytes, host: str, within_s: float = _ANSWER_S
) -> tuple[int, bytes, str]:
    with _connected(host, f"no answer within {within_s:g} s of logging in"):
        _, out, errors = client.exec_command(command, timeout=within_s)
        _hand_over(out.channel, stdin)
        output, complaint = out.read(), errors.read().decode(errors="replace")
        status = out.channel.recv_exit_status()
    if status == -1:  # paramiko's word for none
        raise HostError("the command was killed, or the connection broke", where=host)
    return status, output, complaint


def _hand_over(channel: paramiko.Channel, stdin: bytes) -> None:
    """Write it all, unless the command ends first: what it has said then tells why."""
    try:
        channel.sendall(stdin)
        channel.shutdown_write()
    except TimeoutError:
        raise
    except OSError:
        pass


def _run_script(
    client: paramiko.SSHClient, ssh: Ssh, host: str, script: str, argument: str
) -> bytes:
    """What ``script`` prints under the host's python3 as root; ``argument`` is shell text."""
    command = _as_root(ssh, f"/usr/bin/env python3 - {argument}")
    status, output, errors = _execute(client, command, script.encode(), host)
    if status == 0:
        return output
    complaint = errors.strip().splitlines()[-1] if errors.strip() else f"exit status {status}"
    lowered = errors.lower()
    if "password is required" in lowered or "not in the sudoers" in lowered:
        hint = f"give {ssh.user} passwordless sudo (NOPASSWD) there, or log in as root"
        raise SudoError(f"{ssh.user} may not use sudo: {complaint}", where=host, hint=hint)
    if "sudo" in lowered and "not found" in lowered:
        raise SudoError("sudo is not installed", where=host, hint="install sudo, or use root")
    if status == 127 or "no such file" in lowered:
        raise PythonError("python3 is not installed", where=host, hint="install python3")
    raise HostError(f"the probe failed: {complaint}", where=host)


def _parse(model: type[M], output: bytes, host: str) -> M:
    try:
        return model.model_validate({**json.loads(output), "host": host})
    except (ValueError, TypeError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise HostError(f"the probe's answer cannot be read: {first}", where=host) from error


def everywhere(function: Callable[[T], R], items: Sequence[T]) -> tuple[R, ...]:
    """``function`` of every item, at once, in the items' order."""
    with ThreadPoolExecutor(max_workers=min(PARALLEL, max(len(items), 1))) as pool:
        return tuple(pool.map(function, items))


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
