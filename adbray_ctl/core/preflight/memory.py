"""Judges a host's memory against new slots and what fleet.yml declares."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.preflight.findings import Finding, FindingState, Subject
from adbray_ctl.core.preflight.needs import HostNeeds
from adbray_ctl.core.preflight.readings import Check

# For one slot of the smallest size, beside what is reserved.
_MEMORY_MB = 1024


def memory(of: Subject) -> Iterator[Finding]:
    """Memory for new slots, and what fleet.yml declares of it."""
    seen, needs = of.readings.memory, of.needs
    declared = of.host.capacity.memory_gb if of.host.capacity is not None else None
    reserved = of.fleet.reserved_on(of.host).memory_gb
    beyond = (declared or 0) + reserved - seen.total_mb / 1024
    if declared is not None and beyond > 0:
        # Slots that all use what is theirs would then meet the bound of adbray.slice.
        yield of.finding(
            Check.MEMORY,
            FindingState.FAIL if beyond > reserved else FindingState.WARN,
            _found(of),
            expected=f"{declared:g} GiB, which fleet.yml declares, and {reserved:g} GiB reserved",
            remedy=f"lower capacity.memory_gb of host {of.host.name} in fleet.yml",
        )
        if beyond > reserved:
            return
    yield _for_smallest(of) if needs is None or not needs.placed else _for_group(of, needs)


def _for_smallest(of: Subject) -> Finding:
    reserved = of.fleet.reserved_on(of.host).memory_gb
    least_mb = _MEMORY_MB + int(reserved * 1024)
    enough = of.readings.memory.total_mb >= least_mb
    return of.finding(
        Check.MEMORY,
        FindingState.OK if enough else FindingState.WARN,
        _found(of),
        expected=f"{_gib(least_mb)} GiB, of which {reserved:g} GiB are reserved",
        remedy="" if enough else "use a host with more memory",
    )


def _for_group(of: Subject, needs: HostNeeds) -> Finding:
    seen = of.readings.memory
    state = FindingState.OK if needs.memory_mb <= seen.available_mb else FindingState.WARN
    if needs.memory_mb > seen.total_mb:
        state = FindingState.FAIL
    remedy = "" if state is FindingState.OK else "end what else runs here, or choose smaller sizes"
    expected = f"{_gib(needs.memory_mb)} GiB for new slots of group {needs.group}"
    return of.finding(Check.MEMORY, state, _found(of), expected=expected, remedy=remedy)


def _found(of: Subject) -> str:
    seen = of.readings.memory
    return f"{_gib(seen.available_mb)} of {_gib(seen.total_mb)} GiB available"


def _gib(mebibytes: int) -> str:
    return f"{mebibytes / 1024:.1f}"
