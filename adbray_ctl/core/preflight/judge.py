"""The judgement of `adbray check`: each host's readings against what adbray and a group need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from adbray_ctl.core.preflight.clock import clock
from adbray_ctl.core.preflight.disks import disk, loop
from adbray_ctl.core.preflight.findings import Finding, FindingState, Subject
from adbray_ctl.core.preflight.gate import gate
from adbray_ctl.core.preflight.gpu import gpu
from adbray_ctl.core.preflight.memory import memory
from adbray_ctl.core.preflight.needs import HostNeeds
from adbray_ctl.core.preflight.packages import packages
from adbray_ctl.core.preflight.ports import ports
from adbray_ctl.core.preflight.proxies import proxies
from adbray_ctl.core.preflight.python import python, releases
from adbray_ctl.core.preflight.ray import runtimes
from adbray_ctl.core.preflight.readings import Check, HostAnswer, Silence
from adbray_ctl.core.preflight.system import cgroup, kernel, names, operating_system
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.core.spec.hosts import Host


def preflight(
    *,
    fleet: Fleet,
    answers: Sequence[HostAnswer],
    needs: Mapping[str, HostNeeds],
    addresses: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """All hosts' findings, in the fleet's order; a silent host has one, the step that failed.

    A retired host has one too, whatever it is like. ``addresses`` are those that the fleet's hosts
    and nodes really have.
    """
    by_name = {answer.host: answer for answer in answers}
    found: list[Finding] = []
    for host in fleet.hosts:
        answer = by_name.get(host.name)
        if answer is None:
            continue
        if host.retired:
            found.append(_retired(host, answer))
            continue
        if answer.readings is None:
            found.append(_silent(host, answer.silence))
            continue
        need = needs.get(host.name)
        subject = Subject(fleet, host, answer, answer.readings, need, addresses)
        found += [finding for judge in _JUDGES for finding in judge(subject)]
    return (*found, *releases(answers, needs))


def _silent(host: Host, silence: Silence | None) -> Finding:
    if silence is None:
        silence = Silence(check=Check.SSH, what="not asked", hint="")
    return Finding(
        host=host.name,
        check=silence.check,
        state=FindingState.FAIL,
        found=silence.what,
        expected=_STEPS.get(silence.check, "an answer"),
        remedy=silence.hint,
    )


def _retired(host: Host, answer: HostAnswer) -> Finding:
    silent = answer.silence is not None
    return Finding(
        host=host.name,
        check=answer.silence.check if answer.silence else Check.SSH,
        state=FindingState.SKIPPED,
        found="it is retired, and " + ("gives no answer" if silent else "answers"),
        expected="nothing: no group uses it",
        remedy="`adbray apply` removes what stands there as soon as it answers" if silent else "",
    )


_STEPS = {
    Check.SSH: "login with the key of fleet.yml",
    Check.SUDO: "root, or sudo without a password",
    Check.PYTHON: "a python3 to run modules with",
}


def _access(of: Subject) -> Iterator[Finding]:
    ssh = of.fleet.ssh_for(of.host)
    took = of.answer.answered_at - of.answer.asked_at
    found = f"{ssh.user}@{of.host.address}:{ssh.port}, asked and answered in {took:.1f} s"
    yield of.finding(Check.SSH, FindingState.OK, found, expected=_STEPS[Check.SSH])
    expected = _STEPS[Check.SUDO]
    if of.readings.root:
        how = "root" if ssh.user == "root" else f"{ssh.user} becomes root without a password"
        yield of.finding(Check.SUDO, FindingState.OK, how, expected=expected)
    else:
        remedy = f"give {ssh.user} passwordless sudo (NOPASSWD) to root, or log in as root"
        found = f"commands of {ssh.user} do not run as root"
        yield of.finding(Check.SUDO, FindingState.FAIL, found, expected=expected, remedy=remedy)


_JUDGES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    _access,
    operating_system,
    python,
    cgroup,
    disk,
    loop,
    memory,
    ports,
    clock,
    names,
    gate,
    proxies,
    kernel,
    gpu,
    packages,
    runtimes,
)
