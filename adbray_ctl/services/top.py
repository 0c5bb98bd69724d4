"""What slots use, look by look."""

from __future__ import annotations

from collections.abc import Iterator

from adbray_ctl.core.observed.loads import Loads, SortBy, loads_of
from adbray_ctl.services.status import not_applied
from adbray_ctl.services.tools import Tools

# For a first answer of all hosts; a host that is down says so before.
_WITHIN_S = 30.0
_POLL_S = 0.1


def looks(tools: Tools, group: str | None, by: SortBy, every_s: float) -> Iterator[Loads]:
    """The first one when every host has answered or failed to, then one every ``every_s``.

    A host that hangs holds the first one up for a while only. Of all groups if none is named.
    Raises SpecError for faults of fleet.yml, HostKeyError, and ClusterError or UsageError for a
    group that is on no host.
    """
    fleet = tools.specs.fleet()
    hosts = [host.name for host in fleet.hosts if not host.retired]
    clock = tools.clock
    with tools.loads.watch(fleet, hosts, group, every_s) as now:
        began = clock.now()
        while not all(host.answered for host in now()) and clock.now() - began < _WITHIN_S:
            clock.sleep(_POLL_S)
        found = loads_of(now(), by)
        if group is not None and not found.slots and not found.problems:
            raise not_applied(tools, fleet, group)
        while True:
            yield loads_of(now(), by)
            clock.sleep(every_s)
