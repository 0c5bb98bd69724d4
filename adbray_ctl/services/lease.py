"""Lease: who is changing a group, and taking the right to from a run that is no more."""

from __future__ import annotations

from dataclasses import dataclass

from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.services.status import no_head
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Held:
    """The lease of a group on its head's host; ``holder`` is None when it is free."""

    fleet: Fleet
    group: str
    host: str
    holder: str | None


def find(tools: Tools, group: str) -> Held:
    """Raises ClusterError if no host that answers has the group's head."""
    fleet = tools.specs.fleet()
    observed = tools.hosts.observe(fleet)
    head = observed.head(group)
    if head is None:
        raise no_head(tools, fleet, group, observed)
    holder = tools.lease.holder(fleet, head[0], group)
    return Held(fleet=fleet, group=group, host=head[0], holder=holder)


def break_(tools: Tools, held: Held) -> None:
    """Take it from whoever holds it."""
    tools.lease.break_(held.fleet, held.host, held.group)
