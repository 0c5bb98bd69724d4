"""Logs of nodes, of those that run and of workers that ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from adbray_ctl.core.observed.logs import HostLogs, LogLine, LogRequest, host_of, kept_of
from adbray_ctl.services.status import not_applied
from adbray_ctl.services.tools import Tools


def listing(tools: Tools, group: str) -> tuple[HostLogs, ...]:
    """What each host that is not retired has of the group; a silent one says why.

    Raises ClusterError for a group that is on no host, UsageError if it has no file either.
    """
    fleet = tools.specs.fleet()
    hosts = tools.logs.find(fleet, group)
    if not any(host.slots or host.kept or host.error for host in hosts):
        raise not_applied(tools, fleet, group)
    return hosts


@contextmanager
def read(tools: Tools, wanted: LogRequest, *, previous: bool) -> Iterator[Iterator[LogLine]]:
    """The lines that are wanted, of what is kept if ``previous`` or a start is named.

    Raises UsageError if there is no such node, or nothing is kept of it; HostError; and what
    `listing` does.
    """
    fleet = tools.specs.fleet()
    hosts = listing(tools, wanted.group)
    if previous or wanted.start:
        kept = kept_of(wanted.group, wanted.node, hosts, wanted.start)
        host, wanted = kept.host, wanted.model_copy(update={"start": kept.start})
    else:
        host = host_of(wanted.group, wanted.node, hosts)
    with tools.logs.read(fleet, host, wanted) as lines:
        yield lines
