"""Judges where Redis and its exporter come from."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.preflight.findings import Finding, FindingState, Subject
from adbray_ctl.core.preflight.readings import Check


def packages(of: Subject) -> Iterator[Finding]:
    """Where Redis and its exporter come from: not what monitoring and drivers need."""
    seen = of.readings.packages
    needed = of.needs is not None and of.needs.redis
    expected = "Redis and its exporter installed, or a package server to get them from"
    missing = " and ".join(seen.missing)
    if not missing:
        found = "Redis and its exporter are installed"
        yield of.finding(Check.PACKAGES, FindingState.OK, found, expected=expected)
        return
    bad = FindingState.FAIL if needed else FindingState.WARN
    if not seen.apt:
        remedy = f"install {missing} by hand, or set redis.mode to external or none"
        found = f"no apt, and no {missing}"
        yield of.finding(Check.PACKAGES, bad, found, expected=expected, remedy=remedy)
    elif not seen.servers and seen.offered != seen.missing:
        remedy = "name a server in /etc/apt/sources.list"
        found = "apt knows no package server"
        yield of.finding(Check.PACKAGES, bad, found, expected=expected, remedy=remedy)
    elif seen.unreachable:
        found = f"not reached: {', '.join(seen.unreachable)}"
        remedy = f"check name resolution and the way out, or install {missing} by hand"
        yield of.finding(Check.PACKAGES, bad, found, expected=expected, remedy=remedy)
    else:
        how = "through a proxy, not tried" if seen.proxy else "reached"
        found = f"{', '.join(seen.servers) or 'local sources'} ({how})"
        yield of.finding(Check.PACKAGES, FindingState.OK, found, expected=expected)
