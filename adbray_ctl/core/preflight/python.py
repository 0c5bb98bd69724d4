"""Judges the interpreters of a host, and their releases on all hosts of a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from packaging.version import Version

from adbray_ctl.core.preflight.findings import GROUP_WIDE, Finding, FindingState, Subject
from adbray_ctl.core.preflight.needs import HostNeeds
from adbray_ctl.core.preflight.readings import Check, HostAnswer
from adbray_ctl.core.versions import release

# The oldest that ansible-core 2.19 runs its modules on.
_MODULE_PYTHON = Version("3.8")


def python(of: Subject) -> Iterator[Finding]:
    """The host's own interpreter, and the version that the group asks for."""
    own, there = of.readings.python, of.readings.pythons
    found = f"python3 is {own}; for groups: {', '.join(there) or 'none'}"
    if release(own) < _MODULE_PYTHON:
        yield of.finding(
            Check.PYTHON,
            FindingState.FAIL,
            found,
            expected=f"python3 of {_MODULE_PYTHON} or newer, which Ansible needs",
            remedy=f"install Python {_MODULE_PYTHON} or newer as /usr/bin/python3",
        )
    if of.needs is None:
        expected = f"{_MODULE_PYTHON} or newer"
        state = FindingState.OK if there else FindingState.WARN
        remedy = "" if there else "install the Python that groups ask for (ray.python)"
        yield of.finding(Check.PYTHON, state, found, expected=expected, remedy=remedy)
        return
    wanted = of.needs.python
    expected = f"{wanted} for group {of.needs.group}"
    if wanted in there:
        yield of.finding(Check.PYTHON, FindingState.OK, found, expected=expected)
        return
    remedy = f"install python{wanted} on this host, or set ray.python to a version every host has"
    yield of.finding(Check.PYTHON, FindingState.FAIL, found, expected=expected, remedy=remedy)


def releases(answers: Sequence[HostAnswer], needs: Mapping[str, HostNeeds]) -> Iterator[Finding]:
    """One finding where hosts of the group differ in the last number: 3.11.2 and 3.11.9.

    Nodes are told to accept that (docs/adr/0033), so that it is a warning.
    """
    found: dict[str, list[str]] = {}
    for answer in answers:
        need = needs.get(answer.host)
        if need is None or answer.readings is None:
            continue
        if release := answer.readings.releases.get(need.python):
            found.setdefault(release, []).append(answer.host)
    if len(found) > 1:
        yield Finding(
            host=GROUP_WIDE,
            check=Check.PYTHON,
            state=FindingState.WARN,
            found="; ".join(f"{release} on {', '.join(found[release])}" for release in found),
            expected="one release of Python on all hosts of the group",
            remedy="bring all to one release; Ray's nodes work together meanwhile, but objects that"
            " are pickled by one release may not be read by another",
        )
