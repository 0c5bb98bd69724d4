"""What every change and every check asks of the hosts, and the files it reads there."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence

from adbray_ctl.adapters.ssh.ask import ANSWER_S, Answer, Commands, Question, one_line, reading
from adbray_ctl.adapters.ssh.command import Request
from adbray_ctl.core.errors import HostError, PythonError, SudoError
from adbray_ctl.core.observed.gpus import BurnIn
from adbray_ctl.core.observed.hosts import HostObservation, Observed
from adbray_ctl.core.preflight.fixes import FixOutcome, FixResult, HostFixes, HostFixResults
from adbray_ctl.core.preflight.readings import Check, HostAnswer, HostReadings, Silence
from adbray_ctl.core.preflight.system import INOTIFY_LIMITS
from adbray_ctl.core.spec.fleet import Fleet

_MOST_CARDS = 16


class SshHosts(Commands):
    """HostAccess."""

    def observe(self, fleet: Fleet, hosts: Sequence[str] | None = None) -> Observed:
        asked = [host for host in fleet.hosts if hosts is None or host.name in hosts]
        names = [host.name for host in sorted(asked, key=lambda host: host.retired)]
        answers = self.ask(fleet, names, Question("observe", reading(HostObservation)))
        return Observed(
            hosts=tuple(
                HostObservation(host=host, error=one_line(answer))
                if isinstance(answer, HostError)
                else answer
                for host, answer in answers.items()
            )
        )

    def read_hosts(self, fleet: Fleet) -> tuple[HostAnswer, ...]:
        names = tuple(host.name for host in fleet.hosts)
        answers = self.ask(fleet, names, lambda host: _preflight(fleet, host))
        return tuple(_answered(host, answer) for host, answer in answers.items())

    def burn_in(self, fleet: Fleet, hosts: Sequence[str], seconds: float) -> tuple[BurnIn, ...]:
        # One card after the other.
        within_s = ANSWER_S + seconds * _MOST_CARDS
        question = Question("cuda", reading(BurnIn), (f"{seconds:g}",), within_s=within_s)
        answers = self.ask(fleet, hosts, question)
        return tuple(
            BurnIn(host=host, error=one_line(answer)) if isinstance(answer, HostError) else answer
            for host, answer in answers.items()
        )

    def fix_hosts(self, fleet: Fleet, wanted: Sequence[HostFixes]) -> tuple[HostFixResults, ...]:
        by_host = {one.host: one for one in wanted}
        answers = self.ask(fleet, tuple(by_host), lambda host: _fix(by_host[host]))
        return tuple(
            _unfixed(by_host[host], answer) if isinstance(answer, HostError) else answer
            for host, answer in answers.items()
        )

    def read_file(self, fleet: Fleet, host: str, path: str) -> bytes:
        with self.command(fleet, host, Request('cat -- "$1"', (path,))) as command:
            found = command.outcome(ANSWER_S)
        if found.status != 0:
            raise HostError(f"cannot read {path}: {found.reason}", where=host)
        return found.output


def _preflight(fleet: Fleet, host: str) -> Question[HostAnswer]:
    disk = fleet.disk_of(host)
    wanted = {
        "names": [one.address for one in fleet.hosts if _is_name(one.address)],
        "path": disk.path,
        "spill_path": disk.spill_path,
    }
    return Question(
        "preflight",
        lambda reply: HostAnswer(
            host=host,
            asked_at=reply.asked_at,
            answered_at=reply.answered_at,
            readings=reply.as_(HostReadings),
        ),
        (json.dumps(wanted),),
    )


def _answered(host: str, answer: Answer[HostAnswer]) -> HostAnswer:
    match answer:
        case HostAnswer():
            return answer
        case SudoError():
            step = Check.SUDO
        case PythonError():
            step = Check.PYTHON
        case _:
            step = Check.SSH
    silence = Silence(check=step, what=answer.what, hint=answer.hint or "")
    return HostAnswer(host=host, silence=silence)


def _fix(wanted: HostFixes) -> Question[HostFixResults]:
    fixes = {"fixes": list(wanted.fixes), "sysctls": dict(INOTIFY_LIMITS)}
    return Question("fix", reading(HostFixResults), (json.dumps(fixes),))


def _unfixed(wanted: HostFixes, error: HostError) -> HostFixResults:
    why = one_line(error)
    results = (FixResult(fix=fix, outcome=FixOutcome.FAILED, detail=why) for fix in wanted.fixes)
    return HostFixResults(host=wanted.host, results=tuple(results))


def _is_name(address: str) -> bool:
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        return True
    return False
