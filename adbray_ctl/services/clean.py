"""Free what may be freed on a node's disk, and show what may not."""

from __future__ import annotations

from dataclasses import dataclass

from adbray_ctl.core.observed.cleaning import DiskItem, NodeDisk
from adbray_ctl.core.observed.logs import host_of
from adbray_ctl.core.spec.fleet import Fleet
from adbray_ctl.services.tools import Tools


@dataclass(frozen=True)
class Cleaning:
    """A node and what lies on its disk."""

    fleet: Fleet
    group: str
    node: str
    disk: NodeDisk


def look(tools: Tools, group: str, node: str) -> Cleaning:
    """What lies on ``node``'s disk; changes nothing.

    Raises UsageError if there is no such node, HostError if its host does not answer.
    """
    fleet = tools.specs.fleet()
    host = host_of(group, node, tools.logs.find(fleet, group))
    return Cleaning(fleet, group, node, tools.disks.look(fleet, host, group, node))


def free(tools: Tools, found: Cleaning, items: tuple[DiskItem, ...]) -> NodeDisk:
    """Remove ``items`` of what was found. Raises HostError."""
    host = found.disk.host
    return tools.disks.free(found.fleet, host, found.group, found.node, items)
