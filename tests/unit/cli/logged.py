"""A fleet of two hosts that keep logs of a group, and one that is retired."""

from __future__ import annotations

from adbray_ctl.core.observed.logs import HostLogs, KeptLog, LogLine
from adbray_ctl.testing.insight import FakeNodeLogs

FLEET = """\
kind: Fleet
hosts:
  - {name: a, address: 10.0.0.1}
  - {name: b, address: 10.0.0.2}
  - {name: gone, address: 10.0.0.3, retired: true}
"""
FIRST, LAST = "20260921T141320Z", "20260922T080000Z"
KEPT = tuple(
    KeptLog(host="b", slot=slot, start=start, ended_at=1_790_000_100, size=1500)
    for slot, start in (("w-9", LAST), ("w-0", FIRST), ("w-0", LAST))
)
LINES = (LogLine("journal", "started"), LogLine("raylet.out", "fell over"))


def logged(error: str = "") -> FakeNodeLogs:
    """Logs on a and b; the latter may have an ``error``."""
    hosts = (HostLogs(host="a", slots=("head", "w-0")), HostLogs(host="b", kept=KEPT, error=error))
    return FakeNodeLogs(hosts, LINES)
