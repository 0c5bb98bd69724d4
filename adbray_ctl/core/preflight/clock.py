"""Judges a host's clock against this machine's."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.preflight.findings import Finding, FindingState, Subject, worse_of
from adbray_ctl.core.preflight.fixes import Fix
from adbray_ctl.core.preflight.readings import Check, HostAnswer, TimeSyncReading

# Seconds a host's clock may differ: a log's order suffers from the first, tokens and TLS from
# the second.
WARN_SKEW_S = 1.0
FAIL_SKEW_S = 30.0


def clock(of: Subject) -> Iterator[Finding]:
    offset, margin = clock_offset(of.answer)
    certain = max(abs(offset) - margin, 0.0)
    skew = FindingState.OK
    if certain > WARN_SKEW_S:
        skew = FindingState.FAIL if certain > FAIL_SKEW_S else FindingState.WARN
    direction = "ahead of" if offset > 0 else "behind"
    found = f"{abs(offset):.2f} s {direction} this machine (within {margin:.2f} s)"
    sync, container = of.readings.time_sync, of.readings.system.container
    expected = f"within {WARN_SKEW_S:g} s of this machine, and synchronized"
    if container:
        found += f", kept by the machine around this container ({container})"
        remedy = "set the clock of the machine around it" if skew is not FindingState.OK else ""
        yield of.finding(Check.CLOCK, skew, found, expected=expected, remedy=remedy)
        return
    remedy, fix = "", None
    if sync.synchronized:
        state, found = skew, f"{found}, synchronized"
        if skew is not FindingState.OK:
            remedy = "compare with this machine's own clock: one of the two is wrong"
    else:
        problem, remedy = _unsynchronized(sync)
        state, found = worse_of(skew, FindingState.WARN), f"{found}, {problem}"
        fix = Fix.NTP if sync.can_ntp and not sync.ntp else None
    yield of.finding(Check.CLOCK, state, found, expected=expected, remedy=remedy, fix=fix)


def _unsynchronized(sync: TimeSyncReading) -> tuple[str, str]:
    """What is wrong with the synchronization, and what to do."""
    if not sync.known:
        return "timedatectl does not tell of its synchronization", "install dbus on this host"
    if sync.ntp:
        remedy = "look at `timedatectl timesync-status`: its time server does not answer"
    elif sync.can_ntp:
        remedy = "run `timedatectl set-ntp true`"
    else:
        remedy = "install systemd-timesyncd or chrony"
    return "not synchronized", remedy


def clock_offset(answer: HostAnswer) -> tuple[float, float]:
    """Seconds a host's clock is ahead of ours, and how far off that may be.

    The host read its clock at some time between our question and its answer less the time it
    then worked: the middle is taken, half the span is the margin.
    """
    if answer.readings is None:
        return 0.0, 0.0
    latest = max(answer.answered_at - answer.readings.took_s, answer.asked_at)
    middle = (answer.asked_at + latest) / 2
    return answer.readings.clock - middle, (latest - answer.asked_at) / 2
